// Lists the published clients that are tested: each with its prompt, the answers of the model, and the calls and the text that the client
// must produce.
import { madeUpPng } from "@waggle/testing";
import type { Script } from "@waggle/testing/models";

export interface Client {
  /** The client's name on the command line. */
  readonly name: string;
  readonly title: string;
  /** The npm packages with their versions; the first one is the client itself. */
  readonly packages: readonly [string, ...string[]];
  /** Do not install optional dependencies: those of the first package are large, and the test does not need them. */
  readonly withoutOptional?: true;
  /** The client's program, relative to node_modules/.bin. */
  readonly program: string;
  arguments(place: Place): readonly string[];
  env(place: Place): Readonly<Record<string, string>>;
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
  /** Finds the client's last text in its output. The text must be `answerWith(word)`. @throws Error when the output has no text */
  textIn(output: Output): string;
}

export interface PictureFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The types of the parts around the picture in the request, the outermost first, such as "tool_result > image > base64". */
  readonly place: string;
}

/** The surroundings of a client's run. */
export interface Place {
  /** The worker's address for the client. */
  readonly url: string;
  /** The model's name at the worker. */
  readonly model: string;
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
/** In local mode, the worker accepts any token, and any model name except on Ollama's routes. */
const token = "waggle";
const model = "any";

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

const claudeCode: Client = {
  name: "claude-code",
  title: "Claude Code",
  packages: ["@anthropic-ai/claude-code@2.1.330"],
  program: "claude",
  arguments: () => ["-p", question, "--output-format", "json", "--allowedTools", "Bash"],
  env: ({ url }) => ({
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_AUTH_TOKEN: token,
    ANTHROPIC_MODEL: model,
    ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  }),
  says: (word) => inOrder(call("Bash", { command: shown, description: "Shows the file" }), text(answerWith(word))),
  asks: ["POST /v1/messages", "POST /v1/messages"],
  textIn: ({ stdout }) => (JSON.parse(stdout) as { readonly result: string }).result,
};

const claudeCodePictures: Client = {
  ...claudeCode,
  name: "claude-code-pictures",
  title: "Claude Code, pictures",
  arguments: () => ["-p", pictureQuestion, "--output-format", "json", "--allowedTools", "Read"],
  says: (word) => inOrder(...pictureNames.map((name) => call("Read", { file_path: name })), text(answerWith(word))),
  asks: ["POST /v1/messages", "POST /v1/messages", "POST /v1/messages"],
  pictures: picturesAt("tool_result > image > base64", "tool_result > image > base64"),
};

function codexFlags({ url }: Place): readonly string[] {
  const provider = `model_providers.waggle={name="Waggle",base_url="${url}/v1",wire_api="responses"}`;
  const settings = ["-c", "model_provider=waggle", "-c", provider, "-m", model];
  return ["exec", "--skip-git-repo-check", "--sandbox", "read-only", ...settings];
}

const codex: Client = {
  name: "codex",
  title: "Codex",
  packages: ["@openai/codex@0.169.0"],
  program: "codex",
  arguments: (place) => [...codexFlags(place), question],
  env: () => ({}),
  says: (word) => inOrder(call("exec_command", { cmd: shown }), text(answerWith(word))),
  asks: ["POST /v1/responses", "POST /v1/responses"],
  textIn: ({ stdout }) => stdout.trim(),
};

const codexPictures: Client = {
  ...codex,
  name: "codex-pictures",
  title: "Codex, pictures",
  arguments: (place) => [...codexFlags(place), `--image=${pictureNames[0]}`, pictureQuestion],
  says: (word) => inOrder(call("view_image", { path: pictureNames[1] }), text(answerWith(word))),
  pictures: picturesAt("message > input_image", "function_call_output > input_image"),
};

/** Context length of the worker and of the agents. A first prompt has up to 50,000 bytes, and each byte is a token of a scripted model. */
export const agentContextTokens = 65_536;
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
  run: (command) => call("Bash", { command, description: "Runs a command" }),
  // Each byte is a token of the model, so the client would compact at once with its default system prompt.
  arguments: (place) => [...claudeCode.arguments(place), "--system-prompt", "Answer.", "--tools", "Bash"],
  env: (place) => ({
    ...claudeCode.env(place),
    CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(agentContextTokens),
    CLAUDE_CODE_MAX_OUTPUT_TOKENS: "8192",
  }),
});

const codexCompacts = compacting(codex, {
  run: (command) => call("exec_command", { cmd: command }),
  // The client only checks the usage of the last answer, so the limit leaves room for a tool's result.
  arguments: (place) => [
    ...codex.arguments(place),
    ...["-c", `model_context_window=${agentContextTokens}`, "-c", "model_auto_compact_token_limit=50000"],
  ],
});

/** One prompt without tools; the model's answer repeats the prompt. @param provider promptfoo's name of the provider */
function promptfoo(which: string, provider: (place: Place) => string, path: string, thinks: boolean): Client {
  return {
    name: `promptfoo-${which}`,
    title: `promptfoo, ${which}`,
    packages: ["promptfoo@0.123.1", `@libsql/${libsqlTarget()}@0.5.29`],
    withoutOptional: true,
    program: "promptfoo",
    arguments: (place) => [
      ...["eval", "-r", provider(place), "-p", "prompt.txt"],
      ...["--no-cache", "--no-table", "--output", "results.json"],
    ],
    env: ({ url }) => ({
      OPENAI_BASE_URL: `${url}/v1`,
      OPENAI_API_KEY: token,
      OLLAMA_BASE_URL: url,
      LLAMA_BASE_URL: url,
      PROMPTFOO_DISABLE_TELEMETRY: "1",
      PROMPTFOO_DISABLE_UPDATE: "1",
      PROMPTFOO_DISABLE_REMOTE_GENERATION: "1",
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

export const clients: readonly Client[] = [
  claudeCode,
  claudeCodeCompacts,
  claudeCodePictures,
  codex,
  codexPictures,
  codexCompacts,
  promptfoo("openai", () => `openai:chat:${model}`, "/v1/chat/completions", true),
  promptfoo("ollama", (place) => `ollama:chat:${place.model}`, "/api/chat", true),
  promptfoo("llama", () => "llama", "/completion", false),
];
