// Lists the published clients that are tested: each with its prompt, the answers of the model, and the calls and the text that the client
// must produce.
import { stripVTControlCharacters } from "node:util";
import { agents } from "@waggle/cli/agents";
import { madeUpPng } from "@waggle/testing";
import type { Script } from "@waggle/testing/models";
import { sdkFiles, sdkStart, sdkTool, sdks, type Sdk } from "./sdks.ts";

export interface Client {
  /** The client's name on the command line. */
  readonly name: string;
  readonly title: string;
  /** The npm packages with their versions; the first one is the client itself. */
  readonly packages: readonly [string, ...string[]];
  /** Do not install optional dependencies: those of the first package are large, and the test does not need them. */
  readonly withoutOptional?: true;
  /** The client's program, relative to node_modules/.bin; "node" for a script that imports the packages. */
  readonly program: string;
  /** The agent's name in `waggle launch`, which starts it with its window; the arguments of `start` are then the user's. */
  readonly agent?: string;
  start(place: ClientPlace): ClientStart;
  /** Further files of the working folder, next to `wordFile`. */
  readonly files?: Readonly<Record<string, string>>;
  /** Pictures of the working folder. The client's last request must have all of them, and the worker must encode each one once. */
  pictures?(word: string): readonly PictureFile[];
  /** The model's answer to each of the client's requests. */
  says(word: string): Says;
  /** The expected requests for answers in order, such as "POST /v1/messages". All requests after the first have a tool's result. */
  readonly asks: readonly string[];
  /** The client must compact its conversation exactly once. It may send any number of requests. */
  readonly compacts?: true;
  /** The client sends no prompt itself, so the proxy counts none. */
  readonly kind?: Sdk["kind"];
  /** The client leaves a background process with a port on purpose; the check ends it. */
  readonly staysBehind?: true;
  /** Finds the client's last text in its output. The text must be `answerWith(word)`. @throws Error when the output has no text */
  textIn(output: Output): string;
}

/** What a client needs to know about a worker. */
export interface ClientPlace {
  readonly url: string;
  readonly token: string;
  readonly model: string;
}

export interface ClientStart {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface PictureFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The types of the parts around the picture in the request, the outermost first, such as "tool_result > image > base64". */
  readonly place: string;
}

/** Returns the answer to the text of a request; undefined when no answer is left. */
export type Says = (request: string) => Script | undefined;

export interface Output {
  readonly stdout: string;
  /** Reads a file of the working folder that the client may have written. */
  file(name: string): string;
}

/** A file of the working folder. Only this file has the word, so a client that repeats the word has read the file. */
export const wordFile = "word.txt";
const question = `Which word is in ${wordFile}?`;
export const answerWith = (word: string): string => `The word is ${word}.`;

const shown = `cat ${wordFile}`;
/** Context length of the worker. A first prompt has up to 50,000 bytes, and each byte is a token of a scripted model. */
export const agentContextTokens = 131_072;

/** Reasoning and then a tool call, in Qwen3's format. */
const call = (name: string, args: object): string =>
  `<think>\nThe file has it.\n</think>\n\n<tool_call>\n${JSON.stringify({ name, arguments: args })}\n</tool_call>`;
const text = (answer: string): string => `<think>\nNow I know.\n</think>\n\n${answer}`;

const pictureNames = ["first.png", "second.png"] as const;
const pictureQuestion = `Which word is in ${pictureNames.join(" and ")}?`;

/** Each run has different pictures, because the worker does not encode a picture again. @param places of the two pictures */
function picturesAt(...places: readonly [string, string]): (word: string) => readonly PictureFile[] {
  return (word) => {
    const color = Number.parseInt(word.slice(0, 6), 16);
    return pictureNames.map((name, index) => {
      const bytes = madeUpPng(color, { width: 60, height: 40 + index });
      return { name, bytes, place: places[index] as string };
    });
  };
}

function inOrder(...scripts: readonly Script[]): Says {
  const left = [...scripts];
  return () => left.shift();
}

interface AgentRun extends ClientStart {
  /** The agent's name in `waggle launch`. */
  readonly agent: string;
  readonly version: string;
}

/** An agent, which `waggle launch` starts. */
function launched(run: AgentRun): Pick<Client, "agent" | "title" | "packages" | "program" | "start"> {
  const agent = agents.find(({ name }) => name === run.agent);
  if (agent === undefined) throw new Error(`Cannot launch ${run.agent}: it has no row in the table of agents.`);
  const { title, program, npm } = agent;
  return { agent: run.agent, title, program, packages: [`${npm}@${run.version}`], start: () => run };
}

const claudeCodeRun = {
  agent: "claude",
  version: "2.1.330",
  args: ["-p", question, "--output-format", "json", "--allowedTools", "Bash"],
  env: { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" },
};

const claudeCode: Client = {
  ...launched(claudeCodeRun),
  name: "claude-code",
  says: (word) => inOrder(call("Bash", { command: shown, description: "Shows the file" }), text(answerWith(word))),
  asks: ["POST /v1/messages", "POST /v1/messages"],
  textIn: ({ stdout }) => (JSON.parse(stdout) as { readonly result: string }).result,
};

const claudeCodePictures: Client = {
  ...claudeCode,
  ...launched({
    ...claudeCodeRun,
    args: ["-p", pictureQuestion, "--output-format", "json", "--allowedTools", "Read"],
  }),
  name: "claude-code-pictures",
  title: "Claude Code, pictures",
  says: (word) => inOrder(...pictureNames.map((name) => call("Read", { file_path: name })), text(answerWith(word))),
  asks: ["POST /v1/messages", "POST /v1/messages", "POST /v1/messages"],
  pictures: picturesAt("tool_result > image > base64", "tool_result > image > base64"),
};

const codexRun = { agent: "codex", version: "0.169.0" };
const codexFlags = ["exec", "--skip-git-repo-check", "--sandbox", "read-only"];

const codex: Client = {
  ...launched({ ...codexRun, args: [...codexFlags, question] }),
  name: "codex",
  says: (word) => inOrder(call("exec_command", { cmd: shown }), text(answerWith(word))),
  asks: ["POST /v1/responses", "POST /v1/responses"],
  textIn: ({ stdout }) => stdout.trim(),
};

const codexPictures: Client = {
  ...codex,
  ...launched({ ...codexRun, args: [...codexFlags, `--image=${pictureNames[0]}`, pictureQuestion] }),
  name: "codex-pictures",
  title: "Codex, pictures",
  says: (word) => inOrder(call("view_image", { path: pictureNames[1] }), text(answerWith(word))),
  pictures: picturesAt("message > input_image", "function_call_output > input_image"),
};

/** Agents that use OpenAI's chat completions: one question with a call of the shell. */
function chatAgent(run: AgentRun, shell: { readonly name: string; readonly args: object }): Client {
  return {
    ...launched(run),
    name: run.agent,
    says: (word) => inOrder(call(shell.name, shell.args), text(answerWith(word))),
    asks: ["POST /v1/chat/completions", "POST /v1/chat/completions"],
    textIn: ({ stdout }) => stdout.trim(),
  };
}

const description = "Shows the file";

const opencode = chatAgent(
  { agent: "opencode", version: "1.18.33", args: ["run", "--title", "A word", question] },
  { name: "bash", args: { command: shown } },
);

const qwen = chatAgent(
  { agent: "qwen", version: "0.24.4", args: ["--yolo", question] },
  { name: "run_shell_command", args: { command: shown, is_background: false, description } },
);

const pi = chatAgent(
  { agent: "pi", version: "0.73.1", args: ["--print", question], env: { PI_OFFLINE: "1" } },
  { name: "bash", args: { command: shown } },
);

const cline: Client = {
  ...chatAgent(
    { agent: "cline", version: "3.0.65", args: [question] },
    { name: "run_commands", args: { commands: [shown] } },
  ),
  staysBehind: true,
  // Calls and reasoning come before the text.
  textIn: ({ stdout }) => stripVTControlCharacters(stdout).trim().split("\n").at(-1) ?? "",
};

const copilot = chatAgent(
  {
    agent: "copilot",
    version: "1.0.102",
    args: ["--allow-all-tools", "-p", question, "-s"],
    env: { COPILOT_OFFLINE: "true" },
  },
  { name: "bash", args: { command: shown, description } },
);

const fill = "head -c 9000 /dev/zero | tr '\\0' a";
/** Recognizes the agents' requests for a summary. */
export const summaryRequest = /followed by a <summary> block|CONTEXT CHECKPOINT COMPACTION/;
const summary = `<analysis>\nShort.\n</analysis>\n\n<summary>\nThe user asks: ${question}\n</summary>`;

/** The agent with the worker's context length. Long tool results fill the context; after the agent's summary, the model answers the question. */
function compacting(
  agent: Client,
  { run, ...changes }: Partial<Client> & { run: (command: string) => Script },
): Client {
  return {
    ...agent,
    ...changes,
    name: `${agent.name}-compacts`,
    title: `${agent.title}, a long conversation`,
    compacts: true,
    says(word) {
      const after = inOrder(run(shown), text(answerWith(word)));
      let compacted = false;
      return (request) => {
        if (compacted) return after(request);
        compacted = summaryRequest.test(request);
        return compacted ? text(summary) : run(fill);
      };
    },
  };
}

const claudeCodeCompacts = compacting(claudeCode, {
  ...launched({
    ...claudeCodeRun,
    // Each byte is a token of the model, so the client would compact at once with its default system prompt.
    args: [...claudeCodeRun.args, "--system-prompt", "Answer.", "--tools", "Bash"],
  }),
  run: (command) => call("Bash", { command, description: "Runs a command" }),
});

const codexCompacts = compacting(codex, {
  run: (command) => call("exec_command", { cmd: command }),
});

/** One prompt without tools; the model's answer repeats the prompt. @param provider promptfoo's name of the provider */
function promptfoo(which: string, provider: (place: ClientPlace) => string, path: string, thinks: boolean): Client {
  return {
    name: `promptfoo-${which}`,
    title: `promptfoo, ${which}`,
    packages: ["promptfoo@0.123.1", `@libsql/${libsqlTarget()}@0.5.29`],
    withoutOptional: true,
    program: "promptfoo",
    start: (place) => ({
      args: [
        ...["eval", "-r", provider(place), "-p", "prompt.txt"],
        ...["--no-cache", "--no-table", "--output", "results.json"],
      ],
      env: {
        OPENAI_BASE_URL: `${place.url}/v1`,
        OPENAI_API_KEY: place.token,
        OLLAMA_BASE_URL: place.url,
        LLAMA_BASE_URL: place.url,
        PROMPTFOO_DISABLE_TELEMETRY: "1",
        PROMPTFOO_DISABLE_UPDATE: "1",
        PROMPTFOO_DISABLE_REMOTE_GENERATION: "1",
      },
    }),
    files: { "prompt.txt": question },
    says: (word) => inOrder(thinks ? text(answerWith(word)) : answerWith(word)),
    asks: [`POST ${path}`],
    textIn: ({ file }) => promptfooText(file("results.json")),
  };
}

/** The package with the native code of promptfoo's database for this system. */
function libsqlTarget(): string {
  const system = `${process.platform}-${process.arch}`;
  return process.platform === "linux" ? `${system}-gnu` : system;
}

/** Removes the reasoning, which promptfoo shows before the text. */
function promptfooText(results: string): string {
  interface Results {
    readonly results: {
      readonly results: readonly { readonly error?: string; readonly response?: { readonly output?: unknown } }[];
    };
  }
  const [result] = (JSON.parse(results) as Results).results.results;
  const output = result?.response?.output;
  if (typeof output === "string") return output.split("\n").at(-1) ?? "";
  throw new Error(result?.error ?? "promptfoo has no result");
}

/** An SDK, whose script runs in a separate process on the newer Node. */
function ofSdk(sdk: Sdk): Client {
  const { name, title, packages, path, kind } = sdk;
  const ask = `POST ${path}`;
  return {
    ...{ name, title, packages, program: "node", files: sdkFiles(sdk) },
    start: (place) => sdkStart(place, { question, file: wordFile }),
    ...(kind
      ? { kind, says: () => inOrder(), asks: kind === "batches" ? [ask, ask] : [ask] }
      : { says: (word) => inOrder(call(sdkTool, {}), text(answerWith(word))), asks: [ask, ask] }),
    textIn: ({ stdout }) => stdout.trim(),
  };
}

export const clients: readonly Client[] = [
  claudeCode,
  claudeCodeCompacts,
  claudeCodePictures,
  codex,
  codexPictures,
  codexCompacts,
  opencode,
  qwen,
  pi,
  cline,
  copilot,
  ...sdks.map(ofSdk),
  promptfoo("openai", () => "openai:chat:any", "/v1/chat/completions", true),
  promptfoo("ollama", (place) => `ollama:chat:${place.model}`, "/api/chat", true),
  promptfoo("llama", () => "llama", "/completion", false),
];
