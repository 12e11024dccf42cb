"""What a run is going to take: hours, memory and disk, by short measurements on the user's data.

``pilot`` has the data and the run that is measured with, ``samples`` makes them of a raw log,
``unit_costs`` measures what a step, a row or a candidate takes, ``forecast`` multiplies that by
what ``search.workload`` counts, and ``run_plan`` asks for all of it and says what does not fit.
"""
