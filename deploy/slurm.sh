#!/usr/bin/env bash
# A search whose candidates are scored by a chief and workers, one for each further task:
#   sbatch --ntasks=5 deploy/slurm.sh search.toml
# search.toml holds the options of nasrec_tf.search; run_dir and data lie where all nodes see them.
# Submitted again after a time limit or a failed node, it goes on where it stopped.
#SBATCH --job-name=nasrec
#SBATCH --ntasks=5
#SBATCH --cpus-per-task=4
#SBATCH --time=24:00:00
#SBATCH --output=nasrec-%j.log
set -euo pipefail

config=${1:?"usage: sbatch deploy/slurm.sh search.toml"}
search=(python -m nasrec_tf.search --config "$config" --quiet)

# 1. What comes before the candidates; a stage that has finished is not run again.
for stage in records recipe supernet; do
    srun --ntasks=1 "${search[@]}" --stage "$stage"
done

# 2. The chief on the first node proposes candidates; every other task scores them.
nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
KERASTUNER_ORACLE_IP=${nodes%%$'\n'*}
KERASTUNER_ORACLE_PORT=$((20000 + SLURM_JOB_ID % 10000))
export KERASTUNER_ORACLE_IP KERASTUNER_ORACLE_PORT
score() {
    if [ "$SLURM_PROCID" -eq 0 ]; then
        export KERASTUNER_TUNER_ID=chief
    else
        export KERASTUNER_TUNER_ID="tuner$((SLURM_PROCID - 1))"
    fi
    exec "$@" --stage evolution
}
export -f score
srun bash -c 'score "$@"' score "${search[@]}"

# 3. The best from scratch, and the export.
unset KERASTUNER_ORACLE_IP KERASTUNER_ORACLE_PORT
srun --ntasks=1 "${search[@]}"
