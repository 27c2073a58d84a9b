// Owns which clients are run as they come from their registry, each with what it is told, what its model says, and what it then must have
// called and said.
import type { Script } from "@waggle/synth";

export interface Client {
  /** For the command line. */
  readonly name: string;
  readonly title: string;
  /** For npm, with their versions; the first is the client's own. */
  readonly packages: readonly [string, ...string[]];
  /** They are all that is installed: what the first one could use besides and does not need here is large. */
  readonly withoutOptional?: true;
  /** Its program, below node_modules/.bin. */
  readonly program: string;
  arguments(place: Place): readonly string[];
  env(place: Place): Readonly<Record<string, string>>;
  /** Files of its working folder, besides the one with the word. */
  readonly files?: Readonly<Record<string, string>>;
  /** What the model says to each of its requests for an answer. */
  says(word: string): Says;
  /** What it must have asked for answers with, in order, as "POST /v1/messages": all but the first with a tool's result. */
  readonly asks: readonly string[];
  /** It has to compact its conversation once, and asks for as many answers as that takes. */
  readonly compacts?: true;
  /** Its last text, which has to be `answerWith(word)`, from what it has written. @throws Error where there is none */
  textIn(output: Output): string;
}

/** Where it runs. */
export interface Place {
  /** Of the worker, as it sees it. */
  readonly url: string;
  /** As the worker calls it. */
  readonly model: string;
}

/** From the text of a request to its answer; undefined where there is none left. */
export type Says = (request: string) => Script | undefined;

export interface Output {
  readonly stdout: string;
  /** By name, those of its working folder that it may have written. */
  file(name: string): string;
}

/** In the working folder: nothing but this file has the word, so whoever says it has read it. */
export const wordFile = "word.txt";
const question = `Which word is in ${wordFile}?`;
export const answerWith = (word: string): string => `The word is ${word}.`;

const shown = `cat ${wordFile}`;
/** In local mode any token will do, and of all but Ollama's clients any name of a model. */
const token = "waggle";
const model = "any";

/** In Qwen3's words: a thought, then a call. */
const call = (name: string, args: object): string =>
  `<think>\nThe file has it.\n</think>\n\n<tool_call>\n${JSON.stringify({ name, arguments: args })}\n</tool_call>`;
const text = (said: string): string => `<think>\nNow I know.\n</think>\n\n${said}`;

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

const codex: Client = {
  name: "codex",
  title: "Codex",
  packages: ["@openai/codex@0.169.0"],
  program: "codex",
  arguments: ({ url }) => {
    const provider = `model_providers.waggle={name="Waggle",base_url="${url}/v1",wire_api="responses"}`;
    const settings = ["-c", "model_provider=waggle", "-c", provider, "-m", model];
    return ["exec", "--skip-git-repo-check", "--sandbox", "read-only", ...settings, question];
  },
  env: () => ({}),
  says: (word) => inOrder(call("exec_command", { cmd: shown }), text(answerWith(word))),
  asks: ["POST /v1/responses", "POST /v1/responses"],
  textIn: ({ stdout }) => stdout.trim(),
};

/** Tokens of the worker's context, which is the agents' window too. A first prompt has up to 50,000 bytes, and a byte is a token of a scripted model. */
export const agentContextTokens = 65_536;
const fill = "head -c 9000 /dev/zero | tr '\\0' a";
/** What the agents ask the model for a summary with. */
export const summaryRequest = /followed by a <summary> block|CONTEXT CHECKPOINT COMPACTION/;
const summary = `<analysis>\nShort.\n</analysis>\n\n<summary>\nThe user asks: ${question}\n</summary>`;

/** The same agent with a window like the worker's: tools' long results fill it, and the question is answered after the summary. */
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
  // A byte is a token of the model: with its own first prompt it would compact at once.
  arguments: (place) => [...claudeCode.arguments(place), "--system-prompt", "Answer.", "--tools", "Bash"],
  env: (place) => ({
    ...claudeCode.env(place),
    CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(agentContextTokens),
    CLAUDE_CODE_MAX_OUTPUT_TOKENS: "8192",
  }),
});

const codexCompacts = compacting(codex, {
  run: (command) => call("exec_command", { cmd: command }),
  // It looks at the last answer's usage alone, so the limit leaves room for a tool's result.
  arguments: (place) => [
    ...codex.arguments(place),
    ...["-c", `model_context_window=${agentContextTokens}`, "-c", "model_auto_compact_token_limit=50000"],
  ],
});

/** One prompt and no tool: what it is told is what the model says. @param provider as promptfoo names it */
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

/** The native part of promptfoo's database, of this system. */
function libsqlTarget(): string {
  const system = `${process.platform}-${process.arch}`;
  return process.platform === "linux" ? `${system}-gnu` : system;
}

/** Without the thought, which it shows before. */
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
  codex,
  codexCompacts,
  promptfoo("openai", () => `openai:chat:${model}`, "/v1/chat/completions", true),
  promptfoo("ollama", (place) => `ollama:chat:${place.model}`, "/api/chat", true),
  promptfoo("llama", () => "llama", "/completion", false),
];
