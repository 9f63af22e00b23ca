// Records what Google's chat template renders: `node record.mjs` writes may_large.jsonl and its
// three siblings, `node record.mjs --check` fails if the files are not what it would write.
import { execSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { conversation, withTextArguments } from "./conversations.mjs";
import { templates } from "./templates.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

if (!existsSync(`${here}/node_modules/@huggingface/jinja`)) {
  execSync("npm ci --ignore-scripts --no-audit --no-fund", { cwd: here, stdio: "inherit" });
}
const { Template } = await import("@huggingface/jinja");

const counts = { may_large: 128, may_small: 40, july_large: 128, july_small: 40 };
const seeds = { may_large: 1000, may_small: 2000, july_large: 3000, july_small: 4000 };

function record(kind) {
  const template = new Template(templates[kind]);
  const lines = [];
  for (let i = 0; i < counts[kind]; ++i) {
    const { request, options, textArguments } = conversation(seeds[kind] + i, kind.startsWith("july"));
    const rendered = template.render({ ...structuredClone(request), ...options, bos_token: "<bos>" });
    lines.push(JSON.stringify({
      options,
      request: textArguments ? withTextArguments(request) : request,
      rendered,
    }));
  }
  return lines.join("\n") + "\n";
}

let stale = 0;
for (const kind of Object.keys(templates)) {
  const path = `${here}/${kind}.jsonl`;
  const text = record(kind);
  if (!process.argv.includes("--check")) {
    writeFileSync(path, text);
    continue;
  }
  const recorded = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (recorded === text) continue;
  const line = recorded.split("\n").findIndex((l, i) => l !== text.split("\n")[i]);
  console.error(`${kind}.jsonl is not what the template renders, from line ${line + 1} on`);
  ++stale;
}
process.exit(stale === 0 ? 0 : 1);
