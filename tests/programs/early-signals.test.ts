// Tests signals that arrive while a program still loads its modules: the program shuts down normally, with the documented exit code.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProcessGroups, repositoryPath, withoutSettings } from "@waggle/testing/harness";
import { afterAll, beforeAll, expect, test } from "vitest";

const groups = createProcessGroups("early-signals");
const port = ["--port", "0"];
const programs = {
  worker: ["apps/worker/dist/main.js", "--local-mode", "--backend", "fake", ...port],
  serve: ["apps/cli/dist/main.js", "serve", "--local-mode", "--backend", "fake", ...port],
  // A gateway starts without NATS.
  gateway: ["apps/gateway/dist/main.js", "--local-mode", "--nats-url", "nats://127.0.0.1:2", ...port],
  hive: ["apps/mock-hive/dist/main.js", ...port],
  "waggle hive": ["apps/cli/dist/main.js", "hive", ...port],
  list: ["apps/cli/dist/main.js", "list", "--url", "http://127.0.0.1:2"],
} as const;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-early-"));
});
afterAll(groups.killAll);

/** Writes a loader hook that signals the process when its main file imports the rest of the program. */
function hookFor(signal: NodeJS.Signals): string {
  const hook = join(folder, `${signal}.mjs`);
  writeFileSync(
    hook,
    `let sent = false;
export async function resolve(specifier, context, next) {
  if (!sent && specifier.startsWith("./run-")) {
    sent = true;
    process.kill(process.pid, "${signal}");
  }
  return await next(specifier, context);
}
`,
  );
  const register = join(folder, `register-${signal}.mjs`);
  writeFileSync(register, `import { register } from "node:module";\nregister(${JSON.stringify(`file://${hook}`)});\n`);
  return register;
}

async function start(name: keyof typeof programs, signal: NodeJS.Signals) {
  const [entry, ...flags] = programs[name];
  let listens = (): void => {};
  const listening = new Promise<void>((resolve) => (listens = resolve));
  const group = await groups.start({
    name,
    command: [process.execPath, ...["--import", hookFor(signal), repositoryPath(entry)], ...flags],
    env: withoutSettings(process.env),
    onStdoutLine(line) {
      if (line.includes('"listening"')) listens();
    },
  });
  return { group, listening };
}

test.each([
  ["worker", 0],
  ["serve", 0],
  ["gateway", 0],
  ["hive", 0],
  ["list", 130],
] as const)("SIGTERM shuts %s down with its documented exit code", async (name, code) => {
  const { group } = await start(name, "SIGTERM");
  expect(await group.exited).toMatchObject({ code, signal: null });
});

// The commands of waggle share one main file, and so do the daemons.
test.each(["worker", "gateway", "waggle hive"] as const)("SIGHUP does not stop %s", async (name) => {
  const { group, listening } = await start(name, "SIGHUP");
  await Promise.race([listening, group.exited.then((exit) => expect(exit).toBe("a daemon that listens"))]);
  group.signal("SIGTERM");
  expect(await group.exited).toMatchObject({ code: 0, signal: null });
});
