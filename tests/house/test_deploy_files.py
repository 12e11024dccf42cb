"""Examples for containers and clusters: they parse, and name what there is."""

import pathlib
import re
import shutil
import subprocess

import pytest

yaml = pytest.importorskip("yaml")

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
STAGES_BEFORE = ["records", "recipe", "supernet"]


@pytest.fixture(scope="module")
def kubernetes():
    """Each object of the file by kind and name."""
    objects = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def container(job):
    [found] = job["spec"]["template"]["spec"]["containers"]
    return found


def variables(job):
    return {each["name"]: each["value"] for each in container(job).get("env", ())}


def test_the_image_holds_every_package_and_what_it_is_built_from():
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    known = {"FROM", "RUN", "WORKDIR", "COPY", "ARG", "ENV", "ENTRYPOINT", "CMD"}
    assert {step for step, _ in steps} <= known and steps[0][0] == "FROM"
    copied = [name for step, rest in steps if step == "COPY" for name in rest.split()[:-1]]
    assert {"beam_preprocess", "nasrec_tf", "pim", "pyproject.toml", "setup.py"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)


def test_the_server_sees_what_the_search_exports():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    places = {
        name: dict(volume.split(":")[:2] for volume in service["volumes"])
        for name, service in services.items()
    }
    assert places["search"]["../saved_models"] == "/work/saved_models"
    assert places["serving"]["../saved_models"] == "/models"
    assert "--model_config_file=/models/models.config" in services["serving"]["command"]
    build = services["search"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()


def test_workers_find_the_chief_by_its_service(kubernetes):
    service = kubernetes["Service", "nasrec-chief"]
    chief, workers = (kubernetes["Job", f"nasrec-{name}"] for name in ("chief", "workers"))
    labels = chief["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    [port] = service["spec"]["ports"]
    for job in (chief, workers):
        assert variables(job)["KERASTUNER_ORACLE_PORT"] == str(port["port"])
    assert container(chief)["ports"] == [{"containerPort": port["port"]}]
    assert variables(chief)["KERASTUNER_TUNER_ID"] == "chief"
    assert variables(workers)["KERASTUNER_ORACLE_IP"] == service["metadata"]["name"]
    assert 'KERASTUNER_TUNER_ID="tuner$JOB_COMPLETION_INDEX"' in container(workers)["args"][0]
    assert workers["spec"]["completionMode"] == "Indexed"


def test_every_job_sees_the_volume(kubernetes):
    jobs = [each for (kind, _), each in kubernetes.items() if kind == "Job"]
    assert len(jobs) == 4
    for job in jobs:
        pod = job["spec"]["template"]["spec"]
        claims = {v["name"]: v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"]}
        [mount] = container(job)["volumeMounts"]
        assert claims[mount["name"]] == "nasrec-work"
        assert container(job)["workingDir"] == mount["mountPath"]


@pytest.mark.parametrize("name", ["kubernetes.yaml", "slurm.sh"])
def test_stages_and_options_are_those_of_the_command(name):
    from nasrec_tf.search.command import _parser
    from nasrec_tf.search.options import STAGES

    text = "\n".join(
        line for line in (DEPLOY / name).read_text().splitlines() if "SBATCH" not in line
    )
    [stages] = re.findall(r"for stage in ([a-z ]+);", text)
    assert stages.split() == STAGES_BEFORE
    assert list(STAGES[: len(STAGES_BEFORE) + 1]) == [*STAGES_BEFORE, "evolution"]
    known = _parser().format_help()
    flags = set(re.findall(r"--[a-z][a-z-]+", text)) - {"--ntasks"}
    assert {"--config", "--stage"} <= flags
    assert all(re.search(rf"{flag}\b", known) for flag in flags)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_slurm_starts_one_chief_and_workers_by_number(tmp_path):
    """Run with stand-ins of Slurm's programs that start each task as Slurm does."""
    programs = {
        "scontrol": 'echo node1; echo node2',
        "srun": 'n=3; case $1 in --ntasks=*) n=${1#*=}; shift;; esac\n'
        'for p in $(seq 0 $((n - 1))); do SLURM_PROCID=$p "$@"; done',
        "python": 'echo "${KERASTUNER_TUNER_ID:-one} ${KERASTUNER_ORACLE_IP:--} $*"',
    }  # fmt: skip
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["bash", DEPLOY / "slurm.sh", "my search.toml"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n"},
        capture_output=True,
        text=True,
        check=True,
    )
    common = "-m nasrec_tf.search --config my search.toml --quiet"
    assert done.stdout.splitlines() == [
        *(f"one - {common} --stage {stage}" for stage in STAGES_BEFORE),
        f"chief node1 {common} --stage evolution",
        f"tuner0 node1 {common} --stage evolution",
        f"tuner1 node1 {common} --stage evolution",
        f"one - {common}",
    ]
