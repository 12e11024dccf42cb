"""What a machine could have been measured to take, for plans that measure nothing."""

from nasrec_tf.search.planning.unit_costs import (
    RecordsCost,
    ScoringCost,
    SupernetCost,
    TrainingCost,
    UnitCosts,
)

RECORDS = RecordsCost(start=1.0, reading=10.0, disk=0, raw_disk=0)

COSTS = UnitCosts(
    started=3.0,
    load_row=1e-5,
    found=(TrainingCost(1.0, 0.01, 1e-5, 0.1), TrainingCost(1.0, 0.03, 2e-5, 0.1)),
    plain=TrainingCost(0.5, 0.002, 1e-5, 0.1),
    mixed=TrainingCost(0.5, 0.004, 1e-5, 0.1),
    wide=TrainingCost(0.5, 0.004, 1e-5, 0.1),
    wide_dim=64,
    judged_row=1e-5,
    export=3.0,
    supernet=SupernetCost(0.5, 3.0, 0.02, 0.1, 0.2),
    scoring=(ScoringCost(1.0, 0.03, 1e-4, 2e-5),),
    written_byte=1e-8,
    process_bytes=1 << 30,
)
