"""Our pipeline, submitted by Beam's own DataflowRunner to a loopback stand-in for Google Cloud.

The stand-in speaks as much of the Cloud Storage JSON API and of the Dataflow API (v1b3) as the
runner asks for. Nothing leaves the machine.
"""

import base64
import gzip
import http.server
import importlib.util
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import threading
import urllib.parse

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("apitools") is None
    or importlib.util.find_spec("google.cloud.storage") is None,
    reason="needs Beam's Google Cloud clients: pip install -e '.[dataflow]'",
)


class Cloud(http.server.ThreadingHTTPServer):
    """Holds the objects of all buckets and the submitted jobs."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, bytes] = {}
        self.jobs: list[dict] = []
        self.uploads: dict[str, str] = {}
        self.unknown: list[str] = []

    @property
    def url(self):
        return f"http://localhost:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, query = self._path()
        if found := re.fullmatch(r"(?:/download)?/storage/v1/b/([^/]+)/o/(.+)", path):
            self._get_object(f"{found[1]}/{urllib.parse.unquote(found[2])}", query)
        elif found := re.fullmatch(r"/storage/v1/b/([^/]+)/o", path):
            prefix = f"{found[1]}/{query.get('prefix', '')}"
            names = sorted(name for name in self.server.objects if name.startswith(prefix))
            self._json({"items": [self._metadata(name) for name in names]})
        elif found := re.fullmatch(r"/storage/v1/b/([^/]+)", path):
            self._json({"name": found[1], "id": found[1], "location": "US"})
        elif re.fullmatch(r"/v1b3/.*/jobs/[^/]+/messages", path):
            self._json({"jobMessages": []})
        elif re.fullmatch(r"/v1b3/.*/jobs/[^/]+", path):
            self._json({**self.server.jobs[-1], "currentState": "JOB_STATE_DONE"})
        else:
            self._unknown()

    def do_POST(self):
        path, query = self._path()
        body = self._body()
        if found := re.fullmatch(r"(?:/resumable)?/upload/storage/v1/b/([^/]+)/o", path):
            self._upload(found[1], query, body)
        elif path == "/token":
            self._json({"access_token": "nobody's", "token_type": "Bearer", "expires_in": 3600})
        elif re.fullmatch(r"/v1b3/.*/jobs", path):
            job = json.loads(body)
            self.server.jobs.append({**job, "id": "job-1", "projectId": "p", "location": "r"})
            self._json(self.server.jobs[-1])
        else:
            self._unknown()

    def do_PUT(self):
        _, query = self._path()
        name = self.server.uploads[query["upload_id"]]
        self.server.objects[name] = self._body()
        self._json(self._metadata(name))

    def _upload(self, bucket, query, body):
        if query.get("uploadType") == "resumable":
            name = query.get("name") or json.loads(body)["name"]
            number = str(len(self.server.uploads))
            self.server.uploads[number] = f"{bucket}/{name}"
            location = f"{self.server.url}{self.path.split('?')[0]}?upload_id={number}"
            self._reply(200, b"{}", {"Location": location, "Content-Type": "application/json"})
            return
        boundary = re.search(r'boundary="?([^";]+)"?', self.headers["Content-Type"])[1].encode()
        parts = body.split(b"--" + boundary)[1:3]
        described, content = (part.split(b"\r\n\r\n", 1)[1] for part in parts)
        name = f"{bucket}/{json.loads(described)['name']}"
        self.server.objects[name] = content.removesuffix(b"\r\n")
        self._json(self._metadata(name))

    def _get_object(self, name, query):
        data = self.server.objects.get(name)
        if data is None:
            self._reply(404, b'{"error": {"code": 404, "message": "not found"}}')
        elif query.get("alt") != "media":
            self._json(self._metadata(name))
        else:
            span = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            begin = int(span[1]) if span else 0
            part = data[begin : int(span[2]) + 1 if span and span[2] else None]
            limits = f"bytes {begin}-{begin + len(part) - 1}/{len(data)}"
            self._reply(206 if span else 200, part, {"Content-Range": limits})

    def _metadata(self, name):
        import google_crc32c

        data = self.server.objects[name]
        bucket, key = name.split("/", 1)
        crc = base64.b64encode(google_crc32c.Checksum(data).digest()).decode()
        when = "2026-01-01T00:00:00Z"
        return {"bucket": bucket, "name": key, "size": str(len(data)), "crc32c": crc,
                "generation": "1", "updated": when, "timeCreated": when}  # fmt: skip

    def _path(self):
        parts = urllib.parse.urlsplit(self.path)
        return parts.path, dict(urllib.parse.parse_qsl(parts.query))

    def _body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _json(self, value):
        self._reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _unknown(self):
        self.server.unknown.append(f"{self.command} {self.path}")
        self._reply(404, b"{}")

    def _reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Keeps the requests out of the test's output."""


def service_account(url: str) -> str:
    """A key file of nobody, whose tokens are the stand-in's: without one Beam asks and waits."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "nobody@p.iam.gserviceaccount.com",
            "private_key": pem.decode(),
            "token_uri": f"{url}/token",
            "project_id": "p",
        }
    )


@pytest.fixture(scope="module")
def submitted(tmp_path_factory):
    """The stand-in after one submission, and the finished process."""
    with Cloud() as cloud:
        key = tmp_path_factory.mktemp("account") / "key.json"
        key.write_text(service_account(cloud.url))
        threading.Thread(target=cloud.serve_forever, daemon=True).start()
        log = "label,user,item\n" + "".join(f"{n % 2},u{n % 7},i{n % 3}\n" for n in range(100))
        cloud.objects["bucket/raw/day_0.csv"] = log.encode()
        command = [sys.executable, "-m", "beam_preprocess", "--dataset", "csv", "--label", "label"]
        command += ["--input", "gs://bucket/raw/*.csv", "--output", "gs://bucket/data"]
        command += ["--shards", "16", "--quiet", "--runner=DataflowRunner", "--project=p"]
        command += ["--region=us-central1", "--temp_location=gs://bucket/tmp", "--no_auth"]
        command += [f"--dataflow_endpoint={cloud.url}", "--setup_file=./setup.py"]
        command += ["--job_name=preprocess", "--max_num_workers=7", "--machine_type=n2-highmem-4"]
        environment = {**os.environ, "STORAGE_EMULATOR_HOST": cloud.url, "NO_GCE_CHECK": "true"}
        environment["GOOGLE_APPLICATION_CREDENTIALS"] = str(key)
        run = subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=300
        )
        cloud.shutdown()
        yield cloud, run


def test_the_runner_submits_the_job_and_waits_for_it(submitted):
    cloud, run = submitted
    assert (run.returncode, cloud.unknown) == (0, []), run.stderr[-3000:]
    (job,) = cloud.jobs
    assert job["name"] == "preprocess"
    assert job["type"] == 1  # JOB_TYPE_BATCH
    (pool,) = job["environment"]["workerPools"]
    assert pool["machineType"] == "n2-highmem-4"
    assert pool["autoscalingSettings"]["maxNumWorkers"] == 7


def test_the_job_carries_the_options(submitted):
    (job,) = submitted[0].jobs
    options = job["environment"]["sdkPipelineOptions"]["options"]
    assert options["temp_location"].startswith("gs://bucket/tmp")
    assert (options["project"], options["region"]) == ("p", "us-central1")


def test_the_staged_pipeline_has_our_steps(submitted):
    from apache_beam.portability.api import beam_runner_api_pb2

    objects = submitted[0].objects
    (name,) = [name for name in objects if name.endswith("pipeline.pb")]
    pipeline = beam_runner_api_pb2.Pipeline.FromString(objects[name])
    steps = {transform.unique_name for transform in pipeline.components.transforms.values()}
    assert {"Tasks", "Scan", "MergeStatistics", "CheckScan", "GroupCounts", "WriteVocabularies",
            "PlanUnits", "SpreadUnits", "WriteUnits", "GroupSegments", "JoinShards",
            "Publish"} <= steps  # fmt: skip


def test_the_staged_package_is_ours(submitted):
    objects = submitted[0].objects
    (name,) = [name for name in objects if name.endswith(".tar.gz")]
    with tarfile.open(fileobj=io.BytesIO(objects[name])) as package:
        files = {member.split("/", 1)[1] for member in package.getnames() if "/" in member}
    rooms = "beam_preprocess/running/pipeline.py", "beam_preprocess/dataset/schema.py"
    assert {"setup.py", *rooms} <= files
