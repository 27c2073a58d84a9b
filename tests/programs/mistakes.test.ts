// Tests that every program reports a mistake in the same way: one line on stderr that begins with the program's name, and the same exit code. All
// programs read their options with the same code, so a kind of mistake is made in some of them.
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer as createWebServer } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { daemonCommand, repositoryPath, withoutSettings } from "@waggle/testing/harness";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { wagglePath } from "../support/terminal.ts";

const programs = {
  waggle: [process.execPath, wagglePath],
  "waggle-worker": daemonCommand("worker"),
  "waggle-gateway": daemonCommand("gateway"),
  "waggle-hive": daemonCommand("hive"),
  xtask: [process.execPath, "--import", "tsx", repositoryPath("tools/xtask/src/main.ts")],
} as const;
type ProgramName = keyof typeof programs;

interface Mistake {
  readonly kind: string;
  readonly code: number;
  /** Text of the line in every program. */
  readonly says: RegExp;
  readonly made: readonly (readonly [ProgramName, ...string[]])[];
  readonly env?: Readonly<Record<string, string>>;
}

const fleet = ["--nats-url", "nats://127.0.0.1:9"] as const;
/** An address that no machine has: it is reserved for documentation. https://www.rfc-editor.org/rfc/rfc5737 */
const nowhere = ["--host", "192.0.2.1", "--port", "7719"] as const;
const tokens = { WAGGLE_API_TOKEN: "0123456789", WAGGLE_HIVE_TOKEN: "0123456789" };
const page = repositoryPath("README.md");

const mistakes = (takenPort: string, noModel: string, webServer: string): readonly Mistake[] => [
  {
    kind: "an option that does not exist",
    code: 64,
    says: /Unknown option '--nonsense'/,
    made: [
      ["waggle", "ps", "--nonsense"],
      ["waggle", "serve", "--nonsense"],
      ["waggle", "gateway", "--nonsense"],
      ["waggle", "hive", "--nonsense"],
      ["waggle-worker", "--nonsense"],
      ["waggle-gateway", "--nonsense"],
      ["waggle-hive", "--nonsense"],
      ["xtask", "worker:test", "--nonsense"],
    ],
  },
  {
    kind: "a command that does not exist",
    code: 64,
    says: /Unknown command 'nonsense'/,
    made: [
      ["waggle", "nonsense"],
      ["xtask", "nonsense"],
    ],
  },
  {
    kind: "an option without its value",
    code: 64,
    says: /The option --\S+ <[a-z]+> needs a value\. \([a-z :-]+ --help says more\.\)/,
    made: [
      ["waggle", "ps", "--url"],
      ["waggle-worker", "--port"],
    ],
  },
  {
    kind: "a switch with a value",
    code: 64,
    says: /The option --\S+ takes no value\. \([a-z :-]+ --help says more\.\)/,
    made: [
      ["waggle", "serve", "--offline=true"],
      ["xtask", "worker:test", "--json=true"],
    ],
  },
  {
    kind: "a misspelled option",
    code: 64,
    says: /Unknown option '--\S+'\. Did you mean --\S+\? \([a-z :-]+ --help says more\.\)/,
    made: [
      ["waggle", "ps", "--jsn"],
      ["waggle-gateway", "--prot", "1"],
    ],
  },
  {
    kind: "too many arguments",
    code: 64,
    says: /Too many arguments \(\d\): (only options are|at most 1 is) allowed\. \([a-z :-]+ --help says more\.\)/,
    made: [
      ["waggle", "show", "bee", "wasp"],
      ["waggle-hive", "bee"],
    ],
  },
  {
    kind: "a value outside its range",
    code: 64,
    says: /Cannot (use|set) \S+ (to )?"?\d+"?: it must be (a|an) (whole )?number from \d+ to \d+[,.]/,
    made: [
      ["waggle", "run", "--set", "temperature=3", "hi"],
      ["waggle-worker", "--slots", "0"],
    ],
  },
  {
    kind: "an address that is no URL of a worker",
    code: 64,
    says: /Cannot use the URL "\S+": it must be http or https, .* such as http:\/\/127\.0\.0\.1:7711\./,
    made: [
      ["waggle", "run", "--url", "ftp://bee", "hi"],
      ["waggle", "jobs", "--url", "http://127.0.0.1:99999"],
    ],
  },
  {
    kind: "an invalid value of an option",
    code: 64,
    says: /Cannot (use|set) \S+ (to )?"?hot"?: /,
    made: [
      ["waggle", "serve", "--port", "hot"],
      ["xtask", "worker:test", "--max-tokens", "hot"],
    ],
  },
  {
    kind: "a network address without a token",
    code: 64,
    says: /Cannot use --host 0\.0\.0\.0 without a token/,
    made: [
      ["waggle", "serve", "--host", "0.0.0.0"],
      ["waggle-gateway", ...fleet, "--host", "0.0.0.0"],
      ["waggle-hive", "--host", "0.0.0.0"],
    ],
  },
  {
    kind: "a file of settings or tokens that is missing",
    code: 64,
    says: /Cannot (use|read) (--[a-z-]+|the models folder) \/no\/such: no such file[^:]* \([a-z -]+ --help says more\.\)/,
    made: [
      ["waggle", "serve", "--config", "/no/such"],
      ["waggle-worker", "--chat-template", "/no/such"],
      ["waggle-worker", "--hive-url", "http://127.0.0.1:9", "--hive-token-file", "/no/such"],
      ["waggle-worker", "--models-dir", "/no/such"],
      ["waggle-gateway", ...fleet, "--nats-creds", "/no/such", "--port", "0"],
      ["waggle-hive", "--api-token-file", "/no/such"],
    ],
  },
  {
    kind: "a file in place of the models folder",
    code: 64,
    says: /Cannot read the models folder \S+: it is a file, not a folder\. \([a-z -]+ --help says more\.\)/,
    made: [["waggle-worker", "--models-dir", page]],
  },
  {
    kind: "a models folder that cannot be read",
    code: 64,
    says: /Cannot read the models folder \S+: its name is too long\. \([a-z -]+ --help says more\.\)/,
    made: [["waggle-worker", "--models-dir", `/tmp/${"x".repeat(300)}`]],
  },
  {
    kind: "a model file that is missing",
    code: 66,
    says: /Cannot (load|read) model .*: no such file\./,
    made: [
      ["waggle", "run", "/no/such.gguf", "hi"],
      ["waggle", "show", "/no/such.gguf"],
      ["waggle-worker", "--model", "/no/such.gguf"],
    ],
  },
  {
    kind: "a model that is unknown",
    code: 66,
    says: /Unknown model no-such-model(:|\.) |Cannot load model no-such-model: no such file/,
    made: [
      ["waggle", "run", "no-such-model", "hi"],
      ["waggle", "fit", "no-such-model"],
      ["waggle", "rm", "--yes", "no-such-model"],
      ["waggle-worker", "--model", "no-such-model"],
    ],
  },
  {
    kind: "a file that is not a model",
    code: 66,
    says: /Cannot (load|read) model .*: not a GGUF file\./,
    made: [
      ["waggle", "run", noModel, "hi"],
      ["waggle", "show", noModel],
      ["waggle-worker", "--model", page],
    ],
  },
  {
    kind: "a model that needs more memory than the budget",
    code: 75,
    says: /Cannot load model .*: it takes \d+ MiB, and the memory budget is 1 MiB\./,
    made: [["waggle-worker", "--port", "0", "--memory-budget", "1MiB"]],
  },
  {
    kind: "a LoRA adapter that is missing",
    code: 66,
    says: /Cannot use --lora \/no\/such\.gguf: no such file\./,
    made: [["waggle-worker", "--lora", "/no/such.gguf"]],
  },
  {
    kind: "a port that is taken",
    code: 69,
    says: /Cannot listen on 127\.0\.0\.1:\d+: the port is held by process \d+/,
    made: [
      ["waggle", "serve", "--port", takenPort],
      ["waggle-gateway", ...fleet, "--port", takenPort],
      ["waggle-hive", "--port", takenPort],
    ],
  },
  {
    kind: "an address of another machine",
    code: 69,
    says: /Cannot listen on 192\.0\.2\.1:7719: this machine has no such address\./,
    env: tokens,
    made: [
      ["waggle", "serve", ...nowhere],
      ["waggle-hive", ...nowhere],
    ],
  },
  {
    kind: "a server that is no worker and no hive",
    code: 69,
    says: /Cannot use the worker at \S+: GET \/v1\/info was answered with 404\. Is a worker running there\?/,
    made: [
      ["waggle", "ps", "--url", webServer],
      ["waggle", "run", "--url", webServer, "hi"],
    ],
  },
  {
    kind: "a worker that does not answer",
    code: 69,
    says: /No worker answers at|Cannot reach http:\/\/127\.0\.0\.1:\d: [a-z, ]+\. Is a worker running there\?/,
    made: [
      ["waggle", "load", "bee"],
      ["waggle", "run", "--url", "http://127.0.0.1:1", "hi"],
    ],
  },
];

let folder = "";
const holder = createServer();
const web = createWebServer((_, response) => response.writeHead(404).end("<html>"));
let made: readonly Mistake[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "waggle-mistakes-"));
  const noModel = join(folder, "page.gguf");
  writeFileSync(noModel, "<html>log in</html>");
  for (const server of [holder, web]) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  const [taken, webPort] = [holder, web].map((server) => (server.address() as AddressInfo).port);
  made = mistakes(String(taken), noModel, `http://127.0.0.1:${webPort}`);
});
afterAll(() => {
  holder.close();
  web.close();
});

it.each(mistakes("", "", "").map(({ kind }, index) => [kind, index] as const))(
  "%s: one line, and the same exit code in each program",
  async (_, index) => {
    const { code, says, made: tries, env } = made[index] as Mistake;
    // A port without a server, and new folders, so that no other worker of this machine is found.
    const own = { WAGGLE_PORT: "2", XDG_STATE_HOME: folder, XDG_CACHE_HOME: folder, WAGGLE_BACKEND: "", ...env };
    const results = await Promise.all(
      tries.map(async ([name, ...argv]) => {
        const [file = "", ...words] = programs[name];
        const { exitCode, stdout, stderr } = await execa(file, [...words, ...argv], {
          env: { ...withoutSettings(process.env), ...own },
          extendEnv: false,
          reject: false,
          stdin: "ignore",
        });
        const shape = new RegExp(`^${name}: [^\\n]*[.?)]$`);
        // Leaves out the JSON lines of daemons.
        const [printed, shown] = [stdout, stderr].map((text) =>
          text
            .split("\n")
            .filter((line) => !line.startsWith("{"))
            .join("\n"),
        ) as [string, string];
        const isSo = printed === "" && says.test(shown) && shape.test(shown);
        return { name, argv, code: exitCode, says: isSo ? "as it should" : stdout + stderr };
      }),
    );
    expect(results).toEqual(results.map((result) => ({ ...result, code, says: "as it should" })));
  },
);
