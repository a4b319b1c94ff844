import base64
import contextlib
import json
import logging
import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import httpx
import numpy as np
import polars as pl
import pytest
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless

from hilum.data.pixels import read_gray
from hilum.phantom.dicom_writing import Encoding, write_dicom
from hilum.prediction.inputs import find_inputs
from hilum.prediction.map_files import maps_on_images
from hilum.prediction.predict import PredictConfig, predict_images
from hilum.serving import Limits

FINDINGS = ["Infiltration", "Pleural Effusion"]
SECRET = "Mueller-19410203"


def send(client, *contents, maps=False, name="x.png", **further):
    files = [("files", (name, content)) for content in contents]
    return client.post("/predict", files=files, params={"maps": "true"} if maps else None, **further)


def as_dicom(path, gray, encoding=None, **header):
    header = {"Modality": "CR", "PatientID": SECRET, "PatientName": SECRET, "ViewPosition": "PA"} | header
    write_dicom(
        path, gray, encoding or Encoding(ExplicitVRLittleEndian, 8), kind=ComputedRadiographyImageStorage,
        name=path.name, header=header,
    )  # fmt: skip
    return path


def test_answers_are_those_of_predict(client, model, images, tmp_path):
    paths = [*images[:5], as_dicom(tmp_path / "a.dcm", read_gray(images[0])), tmp_path / "b.png"]
    cv2.imwrite(str(paths[-1]), np.full((64, 64), 90, np.uint8))
    paths.append(as_dicom(tmp_path / "c.dcm", read_gray(images[1]), ViewPosition="LL"))
    predict_images(model, find_inputs([str(path) for path in paths]), tmp_path / "p.parquet", PredictConfig(workers=1))
    wanted = pl.read_parquet(tmp_path / "p.parquet")
    answer = send(client, *(path.read_bytes() for path in paths))
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [item["index"] for item in items] == list(range(len(paths)))
    reasons = [item["error"]["code"] if "error" in item else None for item in items]
    assert reasons == wanted["reason"].to_list() == [None] * 6 + ["empty", "lateral"]
    for row, item in zip(wanted.iter_rows(named=True), items[:6], strict=False):
        assert item["in_training"] == row["in_training"]
        for each in item["findings"]:
            finding = each["finding"]
            # a batch of another size may round the last bit otherwise
            assert each["probability"] == pytest.approx(row[f"p_{finding}"], abs=1e-6)
            assert each["calibrated"] == pytest.approx(row[f"calibrated_{finding}"], abs=1e-6)
            assert (each["threshold"], each["call"]) == (row[f"threshold_{finding}"], row[f"call_{finding}"])
    one_by_one = [send(client, path.read_bytes()).json()["items"][0] for path in paths[:6]]
    for alone, item in zip(one_by_one, items, strict=False):
        found = [[each["probability"] for each in record["findings"]] for record in (alone, item)]
        assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_heat_maps_are_those_of_the_model(client, model, images):
    item = send(client, images[3].read_bytes(), maps=True).json()["items"][0]

    def decoded(uri):
        kind, _, content = uri.partition(",")
        assert kind == "data:image/png;base64"
        return cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), cv2.IMREAD_UNCHANGED)

    pixels = model.preprocess(images[3])
    assert np.array_equal(decoded(item["image"]), pixels)
    maps = maps_on_images(model, pixels[None], FINDINGS)[0]
    for finding, heat in zip(FINDINGS, maps, strict=True):
        opacity = decoded(item["maps"][finding])[:, :, 3]
        assert np.abs(opacity.astype(int) - np.rint(255 * heat / (heat.max() or 1))).max() <= 1
    assert maps.max() > 0
    assert "maps" not in send(client, images[3].read_bytes()).json()["items"][0]


def test_the_card_says_what_the_model_is_and_names_no_patient(client, model):
    card = client.get("/card").json()
    assert card["name"] == model.description.name
    measured = {(each["finding"], each["metric"]): each for each in card["measured"]}
    assert measured["Infiltration", "auroc"]["ci_low"] < measured["Infiltration", "auroc"]["estimate"]
    assert "elsewhere:" not in json.dumps(card)
    assert client.get("/health").json()["status"] == "ok"


def malformed(images, tmp_path):
    draw = random.Random(0)
    png, jpeg = images[0].read_bytes(), cv2.imencode(".jpg", read_gray(images[0]))[1].tobytes()
    plain = as_dicom(tmp_path / "a.dcm", read_gray(images[0])).read_bytes()
    packed = as_dicom(tmp_path / "b.dcm", read_gray(images[0]), Encoding(JPEG2000Lossless, 8)).read_bytes()
    for _ in range(40):
        yield draw.randbytes(draw.randint(0, 400))
    for whole in (png, jpeg, plain, packed):
        for _ in range(20):
            yield whole[: draw.randint(0, len(whole) - 40)]
        for _ in range(20):  # the kind can still be reported, the rest is noise
            selected = min(140, len(whole) // 2)
            yield whole[:selected] + draw.randbytes(len(whole) - selected)


def test_malformed_uploads_are_refused_and_the_server_goes_on(client, images, tmp_path):
    uploads = list(malformed(images, tmp_path))
    assert len(uploads) == 200
    for content in uploads:
        answer = send(client, content)
        assert answer.status_code == 422, content[:40]
        assert answer.json()["items"][0]["error"]["code"] == "unreadable"
    health = client.get("/health").json()
    assert (health["status"], health["images_waiting"], health["bytes_waiting"]) == ("ok", 0, 0)
    assert send(client, images[0].read_bytes()).status_code == 200


@pytest.mark.parametrize(
    ("request_of", "status", "code"),
    [
        ({"content": b"x"}, 415, "not_multipart"),
        ({"json": {"a": 1}}, 415, "not_multipart"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "malformed"),
        ({"content": b"xyz", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400, "malformed"),
        ({"content": b"--b\r\n\r\nabc", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400, "malformed"),
        ({"content": b"--b--\r\n", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400, "no_files"),
        ({"data": {"files": "text"}, "files": {}}, 415, "not_multipart"),
        ({"files": {"files": ("a", b"x")}, "params": {"maps": "perhaps"}}, 400, "wrong_option"),
    ],
)  # fmt: skip
def test_malformed_requests_are_refused(client, request_of, status, code):
    answer = client.post("/predict", **request_of)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert client.get("/health").status_code == 200


def test_addresses_and_methods_that_are_none_are_refused(client):
    assert client.get("/patients").json()["error"]["code"] == "not_found"
    assert client.get("/predict").json()["error"]["code"] == "wrong_method"


def test_a_request_cut_off_in_the_middle_leaves_nothing(client, images):
    address = (client.base_url.host, client.base_url.port)
    for _ in range(5):
        with socket.create_connection(address) as raw:
            head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            body = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nabc'
            raw.sendall(head.encode() + b"Content-Length: 5000\r\n\r\n" + body)
    until = time.monotonic() + 30
    while client.get("/health").json()["bytes_waiting"] and time.monotonic() < until:
        time.sleep(0.02)
    assert client.get("/health").json()["bytes_waiting"] == 0


def test_uploads_are_bounded_in_number_and_size(serve, images):
    content = images[0].read_bytes()
    client = serve(limits=Limits(images=2, upload_bytes=20_000))
    assert send(client, content, content).status_code == 200
    answer = send(client, content, content, content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_files")
    answer = send(client, bytes(30_000))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")

    def pieces():  # without a length in the header
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        for _ in range(30):
            yield bytes(1000)

    with contextlib.suppress(httpx.WriteError):  # the server does not wait for the rest
        kind = {"content-type": "multipart/form-data; boundary=b"}
        answer = client.post("/predict", content=pieces(), headers=kind)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert client.get("/health").json()["bytes_waiting"] == 0


def test_what_waits_is_bounded(serve, images):
    content = images[0].read_bytes()
    for limits in (Limits(waiting_images=1), Limits(waiting_bytes=2 * len(content))):
        client = serve(limits=limits)
        answer = send(client, content, content, content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
        assert answer.headers["Retry-After"] == "1"
        assert send(client, content).status_code == 200


def test_slow_uploads_are_ended(serve):
    client = serve(limits=Limits(upload_seconds=0.3))
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) as raw:
        raw.sendall(head + b"Content-Length: 5000\r\n\r\n--b\r\n")
        assert raw.recv(12) == b"HTTP/1.1 408"


def test_concurrent_clients_share_batches(serve, images):
    client = serve(workers=2)
    contents = [path.read_bytes() for path in images[:16]]
    alone = [send(client, content).json()["items"][0]["findings"] for content in contents]
    before = client.get("/health").json()["batches"]
    together = threading.Barrier(16)

    def ask(number):
        with httpx.Client(base_url=client.base_url, timeout=30) as own:
            own.get("/health")
            together.wait()
            # four images each: what comes while a batch is computed waits for the next one
            return send(own, *(contents[(number + step) % 16] for step in range(4))).json()["items"]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    for number, items in enumerate(answers):
        for step, item in enumerate(items):
            wanted = [each["probability"] for each in alone[(number + step) % 16]]
            assert [each["probability"] for each in item["findings"]] == pytest.approx(wanted, abs=1e-6)
    batches = client.get("/health").json()["batches"] - before
    assert batches < 64  # images; each alone would be one


def test_logs_and_answers_hold_no_name_of_a_file_and_no_tag(serve, images, tmp_path, caplog):
    client = serve()
    with caplog.at_level(logging.DEBUG):
        for header in ({"PatientAge": "099Y"}, {"PatientAge": "050Y"}, {"Modality": "CT"}):
            content = as_dicom(tmp_path / "a.dcm", read_gray(images[0]), **header).read_bytes()
            answer = send(client, content, name=f"{SECRET}.dcm")
            assert SECRET not in answer.text + str(answer.headers)
            assert "99" not in answer.json()["items"][0].get("error", {}).get("detail", "")
        client.get(f"/{SECRET}")
    message = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert [line for line in message if line.startswith("predict: 200, 1 images")]
    assert SECRET not in "\n".join(message)


def test_other_names_than_its_own_are_refused_on_loopback(serve):
    from hilum.serving.server import allowed_hosts

    assert allowed_hosts("0.0.0.0") == allowed_hosts("example") == ("*",)
    client = serve(allowed_hosts=allowed_hosts("127.0.0.1"))
    assert client.get("/health").status_code == 200
    for host in ("localhost:9", "[::1]:9", "127.0.0.1"):
        assert client.get("/health", headers={"host": host}).status_code == 200
    assert client.get("/health", headers={"host": "rebound.example"}).status_code == 400


@pytest.mark.slow
def test_many_clients_for_a_while(serve, images, capsys):
    client, seconds, clients = serve(workers=2), 20, 64
    contents = [path.read_bytes() for path in images]
    until = time.monotonic() + seconds

    def ask(number):
        waited, lost = [], 0
        with httpx.Client(base_url=client.base_url, timeout=60) as own:
            while time.monotonic() < until:
                begun = time.monotonic()
                lost += send(own, contents[(number + len(waited)) % len(contents)]).status_code != 200
                waited.append(time.monotonic() - begun)
        return waited, lost

    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(ask, range(clients)))
    waited = np.concatenate([each for each, _ in answers])
    assert sum(lost for _, lost in answers) == 0
    health = client.get("/health").json()
    assert (health["images_waiting"], health["bytes_waiting"]) == (0, 0)
    low, middle, high = np.percentile(waited, [50, 95, 99]) * 1000
    with capsys.disabled():
        print(f"\n{len(waited):,} requests of {clients} clients in {seconds} s, {health['batches']:,} batches; "
              f"latency p50 {low:.0f}, p95 {middle:.0f}, p99 {high:.0f} ms")  # fmt: skip
