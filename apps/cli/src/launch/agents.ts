// Owns the table of coding agents: how each one is installed, and which variables, arguments and files make it use a worker. `waggle launch`
// starts agents with these rows.
import { join } from "node:path";

/** What an agent needs to know about a worker. */
export interface AgentPlace {
  readonly url: string;
  readonly token: string;
  readonly model: string;
  /** Maximum number of tokens of one job; undefined if the server does not say, as a gateway. Then the agent assumes its default. */
  readonly contextSize: number | undefined;
  /** A temporary folder for the files. */
  readonly folder: string;
}

/** How an agent is started. Nothing of it changes the agent's settings on this machine. */
export interface AgentStart {
  /** Arguments before the user's arguments. */
  readonly args: readonly string[];
  /** Variables to set; an undefined one is removed. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Files of the temporary folder, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface Agent {
  /** The name in `waggle launch`, and of the agent's program. */
  readonly name: string;
  readonly title: string;
  /** The package that `npm install -g` installs. */
  readonly npm: string;
  /** The agent does not work with a smaller context: its first prompt and its reserve for the answer fill it. */
  readonly leastContext: number;
  start(place: AgentPlace): AgentStart;
}

/** Longest answer of an agent. A larger number leaves less room for the conversation. */
const mostAnswerTokens = 8_192;

/** A quarter of a small window, so that most of it is left for the conversation. */
function answerTokens(contextSize: number): number {
  return Math.min(mostAnswerTokens, Math.floor(contextSize / 4));
}

/** What depends on the window, if it is known. */
function ifKnown<T extends object>(contextSize: number | undefined, make: (size: number) => T): Partial<T> {
  return contextSize === undefined ? {} : make(contextSize);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

export const agents: readonly Agent[] = [
  {
    name: "claude",
    title: "Claude Code",
    npm: "@anthropic-ai/claude-code",
    leastContext: 65_536,
    start: ({ url, token, model, contextSize }) => ({
      args: [],
      env: {
        ANTHROPIC_BASE_URL: url,
        ANTHROPIC_AUTH_TOKEN: token,
        ANTHROPIC_MODEL: model,
        ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
        ANTHROPIC_DEFAULT_SONNET_MODEL: model,
        ANTHROPIC_DEFAULT_OPUS_MODEL: model,
        ...ifKnown(contextSize, (size) => ({
          CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(size),
          CLAUDE_CODE_MAX_OUTPUT_TOKENS: String(answerTokens(size)),
        })),
        // With one of these, Claude Code would use another server, or send that server's key.
        ANTHROPIC_API_KEY: undefined,
        CLAUDE_CODE_USE_BEDROCK: undefined,
        CLAUDE_CODE_USE_VERTEX: undefined,
      },
    }),
  },
  {
    name: "codex",
    title: "Codex",
    npm: "@openai/codex",
    leastContext: 16_384,
    start({ url, token, model, contextSize }) {
      const settings = {
        model_provider: "waggle",
        model,
        "model_providers.waggle.name": "Waggle",
        "model_providers.waggle.base_url": `${url}/v1`,
        "model_providers.waggle.wire_api": "responses",
        "model_providers.waggle.env_key": "WAGGLE_API_TOKEN",
        ...ifKnown(contextSize, (size) => ({
          model_context_window: size,
          // Codex compares this limit before it adds the result of a tool, so the limit leaves room for a result.
          model_auto_compact_token_limit: Math.floor((2 * size) / 3),
        })),
      };
      // Codex reads the value of `-c` as TOML; a string of JSON is a string of TOML.
      const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${JSON.stringify(value)}`]);
      return { args, env: { WAGGLE_API_TOKEN: token } };
    },
  },
  {
    name: "opencode",
    title: "opencode",
    npm: "opencode-ai",
    leastContext: 16_384,
    start({ url, token, model, contextSize }) {
      const limit = ifKnown(contextSize, (size) => ({ limit: { context: size, output: answerTokens(size) } }));
      const provider = {
        npm: "@ai-sdk/openai-compatible",
        name: "Waggle",
        options: { baseURL: `${url}/v1`, apiKey: "{env:WAGGLE_API_TOKEN}" },
        models: { [model]: { name: model, ...limit } },
      };
      const config = { model: `waggle/${model}`, small_model: `waggle/${model}`, provider: { waggle: provider } };
      return { args: [], env: { OPENCODE_CONFIG_CONTENT: JSON.stringify(config), WAGGLE_API_TOKEN: token } };
    },
  },
  {
    name: "qwen",
    title: "Qwen Code",
    npm: "@qwen-code/qwen-code",
    leastContext: 32_768,
    start: ({ url, token, model, contextSize, folder }) => ({
      args: ["--auth-type", "openai", "--model", model],
      env: {
        OPENAI_BASE_URL: `${url}/v1`,
        OPENAI_API_KEY: token,
        OPENAI_MODEL: model,
        ...ifKnown(contextSize, () => ({ QWEN_CODE_SYSTEM_DEFAULTS_PATH: join(folder, "qwen.json") })),
      },
      ...ifKnown(contextSize, (size) => ({
        files: { "qwen.json": json({ model: { generationConfig: { contextWindowSize: size } } }) },
      })),
    }),
  },
  {
    name: "pi",
    title: "pi",
    npm: "@mariozechner/pi-coding-agent",
    leastContext: 8_192,
    start({ url, token, model, contextSize = 32_768, folder }) {
      const provider = {
        name: "Waggle",
        baseUrl: `${url}/v1`,
        apiKey: "WAGGLE_API_TOKEN",
        api: "openai-completions",
        models: [
          {
            ...{ id: model, name: model, reasoning: false, input: ["text", "image"] },
            cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
            ...{ contextWindow: contextSize, maxTokens: answerTokens(contextSize) },
          },
        ],
      };
      return {
        args: ["--extension", join(folder, "waggle.mjs"), "--provider", "waggle", "--model", model],
        env: { WAGGLE_API_TOKEN: token },
        files: {
          "waggle.mjs": `export default (pi) => pi.registerProvider("waggle", ${JSON.stringify(provider)});\n`,
        },
      };
    },
  },
  {
    name: "cline",
    title: "Cline's CLI",
    npm: "cline",
    leastContext: 32_768,
    start({ url, token, model, contextSize, folder }) {
      const limits = ifKnown(contextSize, (size) => ({ contextWindow: size, maxTokens: answerTokens(size) }));
      const settings = { provider: "openai-compatible", apiKey: token, model, baseUrl: `${url}/v1`, ...limits };
      const provider = { settings, updatedAt: new Date(0).toISOString(), tokenSource: "manual" };
      return {
        args: ["--provider", "openai-compatible", "--model", model],
        env: {
          CLINE_PROVIDER_SETTINGS_PATH: join(folder, "cline.json"),
          // Cline's background process would outlive the folder, and serve later sessions with these settings.
          CLINE_SESSION_BACKEND_MODE: "local",
        },
        files: {
          "cline.json": json({
            ...{ version: 1, lastUsedProvider: "openai-compatible", modes: {} },
            providers: { "openai-compatible": provider },
          }),
        },
      };
    },
  },
  {
    name: "copilot",
    title: "Copilot CLI",
    npm: "@github/copilot",
    leastContext: 32_768,
    start: ({ url, token, model, contextSize }) => ({
      args: [],
      env: {
        COPILOT_PROVIDER_TYPE: "openai",
        COPILOT_PROVIDER_BASE_URL: `${url}/v1`,
        COPILOT_PROVIDER_API_KEY: token,
        COPILOT_MODEL: model,
        ...ifKnown(contextSize, (size) => ({
          COPILOT_PROVIDER_MAX_PROMPT_TOKENS: String(size - answerTokens(size)),
          COPILOT_PROVIDER_MAX_OUTPUT_TOKENS: String(answerTokens(size)),
        })),
      },
    }),
  },
];
