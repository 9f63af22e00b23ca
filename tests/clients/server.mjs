// Starts `outrider serve` with the pair that is taken when no model is named, on a free port.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";

const program = process.env.OUTRIDER;
const startMs = 60_000;

// Resolves to { url, pid, log, kill, stop } once it listens; rejects with what it said if it does
// not.
export async function startServer({ slots = 2, port = 0, options = [] } = {}) {
  const place = ["--host", "127.0.0.1", "--port", port, "-t", "1", "-np", slots, "--seed", "1"];
  const child = spawn(program, ["serve", ...place.map(String), ...options], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const end = () => child.kill("SIGKILL");
  process.on("exit", end);
  const exited = once(child, "exit");
  let said = "";
  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not listening yet:\n${said}`)), startMs);
    const listen = (bytes) => {
      said += bytes;
      const found = said.match(/listening at (https?:\/\/\S+)/);
      if (!found) return;
      clearTimeout(timer);
      resolve(found[1]);
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    exited.then(([code]) => {
      clearTimeout(timer);
      reject(new Error(`${program} ended with ${code}:\n${said}`));
    });
  });
  exited.finally(() => process.off("exit", end));
  return {
    url,
    pid: child.pid,
    log: () => said,
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    // A clean end is part of every test.
    async stop() {
      child.kill("SIGTERM");
      const [code, signal] = await exited;
      assert.equal(signal, null, said);
      assert.equal(code, 0, said);
    },
  };
}

// Until `holds` does; throws after `ms`.
export async function eventually(holds, ms = 5_000) {
  const end = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`still not so after ${ms} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// How many slots are at work, as the server says itself.
export async function busySlots(url) {
  const slots = await (await fetch(`${url}/slots`)).json();
  return slots.filter((slot) => slot.is_processing).length;
}
