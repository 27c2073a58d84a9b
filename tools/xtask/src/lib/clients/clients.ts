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
  /** What the model says to its first request for an answer, to its second, and so on. */
  says(word: string): readonly Script[];
  /** What it must have asked for answers with, in order, as "POST /v1/messages": all but the first with a tool's result. */
  readonly asks: readonly string[];
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

export interface Output {
  readonly stdout: string;
  /** By name, those of its working folder that it may have written. */
  file(name: string): string;
}

/** In the working folder: nothing but this file has the word, so whoever says it has read it. */
export const wordFile = "word.txt";
export const question = `Which word is in ${wordFile}?`;
export const answerWith = (word: string): string => `The word is ${word}.`;

const shown = `cat ${wordFile}`;
/** In local mode any token will do, and of all but Ollama's clients any name of a model. */
const token = "waggle";
const model = "any";

/** In Qwen3's words: a thought, then a call. */
const call = (name: string, args: object): string =>
  `<think>\nThe file has it.\n</think>\n\n<tool_call>\n${JSON.stringify({ name, arguments: args })}\n</tool_call>`;
const text = (said: string): string => `<think>\nNow I know.\n</think>\n\n${said}`;

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
  says: (word) => [call("Bash", { command: shown, description: "Shows the file" }), text(answerWith(word))],
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
  says: (word) => [call("exec_command", { cmd: shown }), text(answerWith(word))],
  asks: ["POST /v1/responses", "POST /v1/responses"],
  textIn: ({ stdout }) => stdout.trim(),
};

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
    says: (word) => [thinks ? text(answerWith(word)) : answerWith(word)],
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
  codex,
  promptfoo("openai", () => `openai:chat:${model}`, "/v1/chat/completions", true),
  promptfoo("ollama", (place) => `ollama:chat:${place.model}`, "/api/chat", true),
  promptfoo("llama", () => "llama", "/completion", false),
];
