"""Cards: what the hub reads of them, and scores that come later."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from huggingface_hub import ModelCard

from sottovoce.checkpoints.origins import license, name_of
from sottovoce.encoder.loading.model_files import Directory
from sottovoce.errors import DataError
from sottovoce.models.model_card import History, Score, add_scores, scores_of, write_card
from tiny_models import tiny_encoder, tiny_model

NUMBERS = {
    "eer": 0.21,
    "eer_interval": {"low": 0.2, "high": 0.25, "level": 0.9},
    "min_dcf": 0.8,
    "min_dcf_interval": {"low": 0.7, "high": 0.9, "level": 0.9},
    "trials": 12,
    "protocol": "12 trials",
}


def test_scores_of_an_evaluation():
    one, other = scores_of("dev", NUMBERS, "eer")
    assert one == Score("dev", "eer", 0.21, 0.2, 0.25, 0.9, "12 trials") and other.metric == "min_dcf"
    assert scores_of("dev", {"wer": 1.0}, "wer") == [Score("dev", "wer", 1.0)]


def test_scores_that_come_later(tmp_path):
    write_card(tmp_path, tiny_model(), History("small", ["pruned"]))
    before = ModelCard.load(tmp_path / "README.md")
    assert before.data.eval_results is None and "Not evaluated." in before.text
    add_scores(tmp_path, scores_of("dev", NUMBERS, "eer"))
    add_scores(tmp_path, [Score("test", "eer", 0.5), Score("dev", "eer", 0.3, 0.28, 0.33)])
    card = ModelCard.load(tmp_path / "README.md")
    found = {(r.dataset_name, r.metric_type): r.metric_value for r in card.data.eval_results}
    assert found == {("dev", "min_dcf"): 0.8, ("dev", "eer"): 0.3, ("test", "eer"): 0.5}
    assert "| dev | eer | 0.3 | [0.28, 0.33] (95 %) |" in card.text and "0.21" not in card.text
    assert "| dev | min_dcf | 0.8 | [0.7, 0.9] (90 %) |" in card.text and "Not evaluated" not in card.text
    rest = [part.partition("## Numbers")[0] + part.partition("## License")[2] for part in (before.text, card.text)]
    assert rest[0] == rest[1]


def test_a_score_that_is_no_number_is_told_and_is_no_metadata(tmp_path):
    write_card(tmp_path, tiny_model(), History("small", ["pruned"]))
    add_scores(
        tmp_path, [*scores_of("dev", {"eer": None}, "eer"), Score("dev", "der", float("inf")), Score("dev", "x", 1)]
    )
    card = ModelCard.load(tmp_path / "README.md")
    assert [(r.metric_type, r.metric_value) for r in card.data.eval_results] == [("x", 1)]
    assert "| dev | eer | none (not a number) |" in card.text and "| dev | der | none (infinite) |" in card.text


def test_cards_that_are_not_there_or_not_ours(tmp_path):
    with pytest.raises(DataError, match="has no README.md to add scores to"):
        add_scores(tmp_path, [Score("dev", "eer", 0.5)])
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# mine\n")
    with pytest.raises(DataError, match="is no card that sottovoce wrote"):
        add_scores(tmp_path, [Score("dev", "eer", 0.5)])
    assert (tmp_path / "README.md").read_text().endswith("# mine\n")


@pytest.mark.parametrize(
    "name, known, license, base, told",
    [
        ("microsoft/wavlm-base-plus", "mit", "mit", "microsoft/wavlm-base-plus", "whose license is: mit"),
        ("mine", None, "unknown", None, "come from mine, whose license is: unknown \u2013 check"),
        (None, None, None, None, "weights started at random, without another model"),
    ],
)
def test_ancestors(tmp_path, name, known, license, base, told):
    encoder = tiny_encoder()
    encoder.config.origin = {"name": name, "license": known} if name else None
    write_card(tmp_path, encoder, History("x", []))
    card = ModelCard.load(tmp_path / "README.md")
    assert (card.data.license, card.data.base_model) == (license, base) and told in card.text


def test_names_say_nothing_of_the_machine(tmp_path):
    assert name_of("microsoft/wavlm-base-plus") == "microsoft/wavlm-base-plus"
    assert name_of(str(tmp_path / "wavlm")) == "wavlm" and name_of("../wavlm") == "wavlm"
    for text, found in [
        ("---\nlicense: cc-by-4.0\n---\n", "cc-by-4.0"),
        ("---\nlicense: other\nlicense_name: house\n---\n", "house"),
        ("# no front matter", None),
        ("---\n: : [\n---\n", None),
    ]:
        (tmp_path / "README.md").write_text(text)
        assert license(Directory(tmp_path)) == found


HUB = '''
import base64, json, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

pushed = {}

class Hub(BaseHTTPRequestHandler):
    """As much of the hub as a push needs: make a repository, ask how to upload, commit."""

    def do_POST(self):
        chunked = self.headers.get("Transfer-Encoding") == "chunked"
        body = b"".join(self.chunks()) if chunked else self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/preupload/" in self.path:
            files = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in json.loads(body)["files"]]
            return self.answer(200, {"files": files})
        if "/commit/" in self.path:
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    pushed[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            oid = {"commitOid": "0" * 40, "commitUrl": url + "/me/small/commit/" + "0" * 40}
            return self.answer(200, {"success": True, **oid})
        if self.path.endswith("/repos/create"):
            return self.answer(200, {"url": url + "/me/small", "id": "me/small", "name": "me/small"})
        self.answer(200, {})

    def chunks(self):
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def do_GET(self):
        self.answer(404, {}, {"X-Error-Code": "EntryNotFound"})

    do_HEAD = do_GET

    def answer(self, code, data, more={}):
        content = json.dumps(data).encode()
        self.send_response(code)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content if self.command != "HEAD" else b"")

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Hub)
url = f"http://127.0.0.1:{server.server_port}"
threading.Thread(target=server.serve_forever, daemon=True).start()
import os
os.environ["HF_ENDPOINT"] = url
from sottovoce import TaskModel
TaskModel.from_pretrained(sys.argv[1]).push_to_hub("me/small", token="hf_none")
os.makedirs(sys.argv[2])
for name, content in pushed.items():
    open(os.path.join(sys.argv[2], name), "wb").write(content)
'''


@pytest.mark.slow
def test_push_to_hub_pushes_a_model_that_loads(tmp_path):
    from sottovoce import TaskModel

    model = tiny_model()
    model.save_pretrained(tmp_path / "model")
    done = subprocess.run(
        [sys.executable, "-c", HUB, str(tmp_path / "model"), str(tmp_path / "pushed")],
        env={key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    again = TaskModel.from_pretrained(tmp_path / "pushed")
    assert all(
        tensor.equal(again.state_dict()[name]) for name, tensor in model.state_dict().items() if "threshold" not in name
    )
    for file in (tmp_path / "pushed").iterdir():
        assert str(tmp_path).encode() not in file.read_bytes(), file.name
