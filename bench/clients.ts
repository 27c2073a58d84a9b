// Measures how clients share a worker: a chat next to another client's work of each kind, two equal clients, and random mixes of four. The other
// worker, if one is named, is measured in turn.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { sleep } from "@waggle/async";
import { encodePng, gradientPicture } from "@waggle/pictures/testing";
import {
  guarded,
  integerOf,
  isToken,
  markdownTable,
  openStream,
  repositoryPath,
  send,
  startWorker,
  times,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import type { Command } from "commander";
import { alternate, medianCell } from "./lib/alternate.ts";

interface Flags {
  readonly against?: string;
  readonly model?: string;
  readonly mmproj?: string;
  readonly rounds: string;
  readonly seconds: string;
}

export function addClients(command: Command): void {
  command
    .option("--against <checkout>", "also measure the worker of another checkout, installed and built")
    .option("--model <gguf>", "the worker's model (default: the embedded one)")
    .option("--mmproj <gguf>", "the model's projector: also measure pictures")
    .option("--rounds <n>", "measured rounds", "3")
    .option(
      "--seconds <n>",
      "seconds of each measurement; half of them are not counted, because credits are used",
      "20",
    )
    .action((flags: Flags) => guarded("bench clients", (groups) => measure(groups, flags)));
}

/** Where a client sends its work, and what it counts: tokens of answers, prompts and texts. */
interface Asking {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly count: (tokens: number) => void;
}

/** Sends one piece of work, and waits until it ends. */
type Kind = (asking: Asking) => Promise<unknown>;

const clients = ["alice", "bob", "carol", "dave"];
const answer = { ignore_eos: true, repetition_limit: 0, max_tokens: 400 };
let sent = 0;

async function stream({ url, headers, signal, count }: Asking, body: object): Promise<void> {
  const onEvent = (event: Parameters<typeof isToken>[0]): void => void (isToken(event) && count(1));
  const opened = await openStream({
    url: `${url}/v1/inference`,
    headers,
    signal,
    body: { ...answer, ...body },
    onEvent,
  });
  await opened.over;
}

/** Text that no other prompt begins with. */
const text = (words: number): string => `${(sent += 1)} ${"a bee flew over the meadow and found ".repeat(words / 8)}`;

const chat: Kind = async (asking) => await stream(asking, { prompt: text(16) });

/** Sends a request, and counts its tokens when its answer is complete. */
async function ask({ url, headers, signal, count }: Asking, path: string, body: object): Promise<void> {
  const response = await send({ url: url + path, headers, signal, body: { model: "any", ...body } });
  const { usage } = JSON.parse(await response.text()) as { usage: { total_tokens: number } };
  count(usage.total_tokens);
}

function picture(): object {
  const data = Buffer.from(encodePng(gradientPicture(640, 480, (sent += 1)))).toString("base64");
  return { type: "image_url", image_url: { url: `data:image/png;base64,${data}` } };
}

const kinds: Readonly<Record<string, Kind>> = {
  chat,
  "8 choices": async (asking) => {
    await ask(asking, "/v1/completions", { prompt: text(16), ...answer, max_tokens: 64, n: 8 });
  },
  "8 streams": async (asking) => await times(8, () => chat(asking)),
  prompts: async (asking) => {
    await stream({ ...asking, count: () => {} }, { prompt: text(400), max_tokens: 1 });
    asking.count(400);
  },
  embeddings: async (asking) => {
    await ask(asking, "/v1/embeddings", { input: Array.from({ length: 64 }, () => text(64)) });
  },
  pictures: async (asking) => {
    const messages = [{ role: "user", content: [picture(), picture()] }];
    await ask(asking, "/v1/chat/completions", { messages, max_tokens: 1 });
  },
};

/** Runs one client for each of these kinds, each of which begins again when its work ends. Returns the tokens/s of each. */
async function play(url: string, played: readonly string[], ms: number): Promise<number[]> {
  const over = new AbortController();
  const counts = played.map(() => 0);
  let counting = false;
  const running = played.map(async (kind, i) => {
    const headers = { authorization: `Bearer ${tokenOf(clients[i] ?? "")}` };
    const count = (tokens: number): void => void (counts[i] = (counts[i] ?? 0) + (counting ? tokens : 0));
    while (!over.signal.aborted) {
      await kinds[kind]?.({ url, headers, signal: over.signal, count }).catch((error: unknown) => {
        if (!over.signal.aborted) throw error;
      });
    }
  });
  await Promise.race([sleep(ms / 2), ...running]);
  counting = true;
  await Promise.race([sleep(ms / 2), ...running]);
  counting = false;
  over.abort();
  await Promise.all(running);
  return counts.map((count) => count / (ms / 2_000));
}

const tokenOf = (client: string): string => client.padEnd(16, "-");

function mixesOf(names: readonly string[]): readonly (readonly string[])[] {
  const random = (): string => names[Math.floor(Math.random() * names.length)] ?? "chat";
  return [
    ...[...names.map((name) => ["chat", name]), ["8 streams", "8 streams"]],
    ...Array.from({ length: 3 }, () => clients.map(random)),
  ];
}

async function measure(groups: ProcessGroups, flags: Flags): Promise<void> {
  const rounds = integerOf("--rounds", flags.rounds, 1, 1_000);
  const ms = integerOf("--seconds", flags.seconds, 1, 1_000) * 1_000;
  const folder = await mkdtemp(join(tmpdir(), "waggle-bench-"));
  const tokens = join(folder, "tokens");
  await writeFile(tokens, clients.map((client) => `${client}:${tokenOf(client)}\n`).join(""), { mode: 0o600 });
  const others = flags.against === undefined ? [] : [flags.against];
  const workers: Worker[] = [];
  try {
    for (const checkout of [repositoryPath("."), ...others]) workers.push(await open(groups, checkout, tokens, flags));
    const [ours, ...theirs] = workers.map(({ url }, i) => ({
      name: i === 0 ? "This checkout" : "The other checkout",
      url,
    }));
    if (ours === undefined) return;
    const names = Object.keys(kinds).filter((name) => name !== "pictures" || flags.mmproj !== undefined);
    const cases = [...names.map((name) => [name]), ...mixesOf(names)];
    const sides = await alternate({
      ...{ sides: [ours, ...theirs] as const, rounds },
      async play({ url }) {
        const speeds: number[][] = [];
        for (const played of cases) speeds.push(await play(url, played, ms));
        return speeds;
      },
      progress: ({ name }, round) => `${round}, ${name}`,
    });
    for (const [side, measured] of sides.entries()) {
      const alone = (round: number, kind: string): number => measured[round]?.[names.indexOf(kind)]?.[0] ?? Number.NaN;
      const rows = cases.map((played, row) => [
        played.join(" + "),
        ...clients.map((_, client) => {
          const kind = played[client];
          if (kind === undefined) return "";
          const speeds = measured.map((speed) => speed[row]?.[client] ?? Number.NaN);
          if (played.length === 1) return `${medianCell(speeds, 0)}/s`;
          return medianCell(
            speeds.map((speed, round) => speed / alone(round, kind)),
            2,
          );
        }),
      ]);
      console.log(
        `\n${side === 0 ? "This checkout" : "The other checkout"}: tokens/s alone, then parts of them. Medians of ${rounds} rounds.\n`,
      );
      console.log(markdownTable(["work", ...clients], rows));
    }
  } finally {
    for (const worker of workers) await worker[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
}

async function open(
  groups: ProcessGroups,
  checkout: string,
  tokens: string,
  { model, mmproj }: Flags,
): Promise<Worker> {
  const command = [process.execPath, resolve(checkout, "apps/worker/bin/waggle-worker.js")] as const;
  const settings = ["--slots", "32", "--api-token-file", tokens, "--max-streams-per-client", "32"];
  const files = Object.entries({ model, mmproj }).filter(([, file]) => file !== undefined);
  const flags = [...settings, ...files.flatMap(([name, file = ""]) => [`--${name}`, resolve(file)])];
  return await startWorker(groups, { networkMode: true, command, flags });
}
