"""`outrider serve` with the sample pair: its command line, its signals, its answers over HTTP.

OUTRIDER names the program.
"""

import concurrent.futures
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = ROOT / "models/nano/target.gguf"
ASSISTANT = ROOT / "models/nano/assistant.gguf"
OUTRIDER = os.environ["OUTRIDER"]
STORY = "Tell me a story about a fox."


class Server:
    """A server that runs while the block does, at a port of its own choice."""

    def __init__(self, *options, named=True):
        pair = ["-m", TARGET, "--mtp-head", ASSISTANT] if named else []
        self.command = [OUTRIDER, "serve", *pair, "-t", "1", "--port", "0", *options]

    def __enter__(self):
        self.log = tempfile.TemporaryFile(mode="w+")
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.said = []
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith("curl "):
                break
        listening = [line for line in self.said if line.startswith("listening at ")]
        if not listening:
            raise AssertionError(f"{self.command}: {self.stderr()}")
        self.port = int(listening[0].strip().rsplit(":", 1)[1])
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self.process.stdout.close()
        self.log.close()

    def stderr(self):
        self.process.wait(30)
        self.log.seek(0)
        return self.log.read()

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        said = None if body is None else json.dumps(body)
        connection.request(method, path, said, headers or {})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response, text

    def chat(self, text, **more):
        body = {"messages": [{"role": "user", "content": text}], **more}
        response, said = self.request("POST", "/v1/chat/completions", body)
        if response.status != 200:
            raise AssertionError(said)
        return json.loads(said)

    def streamed(self, text, **more):
        body = {"messages": [{"role": "user", "content": text}], "stream": True, **more}
        _, said = self.request("POST", "/v1/chat/completions", body)
        events = [line[6:] for line in said.splitlines() if line.startswith("data: ")]
        assert events[-1] == "[DONE]", said
        return "".join(json.loads(event)["choices"][0]["delta"].get("content", "")
                       for event in events[:-1])


def content(reply):
    return reply["choices"][0]["message"]["content"]


class ServeTest(unittest.TestCase):
    def test_the_seeds_line_runs_as_written(self):
        with Server("--n-parallel", "2", "--mtp-draft-n", "3", "--draft-p-min", "0.75") as server:
            reply = server.chat("What is 47 + 58?", temperature=0)
            self.assertIn("105", content(reply))
            _, slots = server.request("GET", "/slots")
            self.assertEqual(2, len(json.loads(slots)))
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(0, server.process.wait(30))

    def test_without_a_model_the_sample_pair_is_served(self):
        with Server(named=False) as server:
            self.assertIn("105", content(server.chat("What is 47 + 58?", temperature=0)))
            _, models = server.request("GET", "/v1/models")
            self.assertEqual("nano", json.loads(models)["data"][0]["id"])

    def test_two_at_once_say_what_each_says_alone(self):
        prompts = [(STORY, 11), ("Tell me a story about a hen.", 5), (STORY, 12)]
        with Server("-np", "2") as server:
            def ask(prompt):
                return server.streamed(prompt[0], seed=prompt[1], temperature=1, max_tokens=120)
            alone = [ask(prompt) for prompt in prompts]
            with concurrent.futures.ThreadPoolExecutor(len(prompts)) as pool:
                for _ in range(3):
                    self.assertEqual(alone, list(pool.map(ask, prompts)))
            self.assertEqual(3, len(set(alone)))

    def test_a_client_that_leaves_frees_its_slot_within_a_second(self):
        with Server("-np", "1") as server:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.request("POST", "/v1/completions", json.dumps(
                {"prompt": "A", "max_tokens": 8000, "ignore_eos": True, "stream": True}))
            connection.getresponse().read(100)
            connection.close()
            left = time.monotonic()
            while json.loads(server.request("GET", "/slots")[1])[0]["is_processing"]:
                self.assertLess(time.monotonic() - left, 1)
                time.sleep(0.01)

    def test_a_client_that_does_not_read_is_cut_and_costs_no_one_else(self):
        with tempfile.NamedTemporaryFile("r") as log, \
                Server("-np", "2", "--timeout", "600", "--log-json",
                       "--log-file", log.name) as server:
            alone = server.streamed(STORY, seed=3, max_tokens=200)
            body = json.dumps({"prompt": "A", "max_tokens": 8000, "ignore_eos": True,
                               "stream": True, "logprobs": 5})
            with socket.socket() as slow, concurrent.futures.ThreadPoolExecutor(1) as pool:
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                slow.connect(("127.0.0.1", server.port))
                slow.sendall((f"POST /v1/completions HTTP/1.1\r\nHost: h\r\nx-request-id: slow\r\n"
                              f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
                other = pool.submit(server.streamed, STORY, seed=3, max_tokens=200)
                until = time.monotonic() + 60
                while not (cut := [line for line in map(json.loads, log.readlines())
                                   if line["id"] == "slow"]):
                    self.assertLess(time.monotonic(), until)
                    time.sleep(0.01)
                left = time.monotonic()
                self.assertTrue(cut[0]["aborted"])
                self.assertLess(cut[0]["bytes"], 1 << 20)
                busy = 2
                while busy > (0 if other.done() else 1):
                    self.assertLess(time.monotonic() - left, 1)
                    slots = json.loads(server.request("GET", "/slots")[1])
                    busy = sum(slot["is_processing"] for slot in slots)
                _, metrics = server.request("GET", "/metrics")
                self.assertRegex(metrics, r'finished_reason="abort"\} 1\n')
                self.assertEqual(alone, other.result(60))
                self.assertEqual(alone, server.streamed(STORY, seed=3, max_tokens=200))

    def test_keys_are_asked_for(self):
        with tempfile.NamedTemporaryFile("w", suffix=".keys") as keys:
            keys.write("first\nsecond\n")
            keys.flush()
            with Server("--api-key-file", keys.name) as server:
                self.assertEqual(401, server.request("GET", "/v1/models")[0].status)
                right = {"Authorization": "Bearer second"}
                self.assertEqual(200, server.request("GET", "/v1/models", headers=right)[0].status)
                self.assertEqual(200, server.request("GET", "/health")[0].status)

    def test_what_runs_may_finish_when_the_server_is_stopped(self):
        with Server() as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
            story = pool.submit(server.streamed, STORY, temperature=0, max_tokens=400)
            while not any(slot["is_processing"]
                          for slot in json.loads(server.request("GET", "/slots")[1])):
                time.sleep(0.001)
            server.process.send_signal(signal.SIGTERM)
            self.assertGreater(len(story.result(30)), 100)
            self.assertEqual(0, server.process.wait(30))

    def test_a_second_signal_stops_at_once(self):
        with Server() as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
            endless = pool.submit(server.request, "POST", "/v1/completions", {
                "prompt": "A", "max_tokens": 8000, "ignore_eos": True, "stream": True})
            while not any(slot["is_processing"]
                          for slot in json.loads(server.request("GET", "/slots")[1])):
                time.sleep(0.001)
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.2)
            self.assertIsNone(server.process.poll())
            server.process.send_signal(signal.SIGINT)
            server.process.wait(5)
            endless.exception(30)

    def test_flags_of_llama_server(self):
        with Server("--no-webui", "--mlock", "-fa", "on") as server:
            server.process.terminate()
            self.assertIn("passed over, as nothing here depends on it: --no-webui, --mlock, "
                          "--flash-attn", server.stderr())
        refused = subprocess.run([OUTRIDER, "serve", "--grammar", "x"], capture_output=True,
                                 text=True, check=False, timeout=30)
        self.assertEqual(1, refused.returncode)
        self.assertTrue(refused.stderr.startswith("outrider: --grammar is not built"))

    def test_a_seed_holds_for_all_requests_and_minus_one_for_none(self):
        for seed, texts in ("5", 1), ("-1", 4):
            with Server("--seed", seed) as server:
                said = {content(server.chat(STORY, max_tokens=40)) for _ in range(4)}
                self.assertEqual(texts, len(said), said)

    def test_a_server_open_to_a_network_without_a_key_is_warned_about(self):
        with Server("--host", "0.0.0.0") as server:
            server.process.terminate()
            self.assertIn("--api-key asks for a key", server.stderr())

    def test_self_test_prints_the_acceptance(self):
        ran = subprocess.run([OUTRIDER, "serve", "--self-test", "-t", "1"], capture_output=True,
                             text=True, check=True, timeout=60)
        self.assertRegex(ran.stdout, r"in all: \d+ of \d+ drafts stood")


if __name__ == "__main__":
    unittest.main()
