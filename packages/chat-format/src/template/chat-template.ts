// Owns a model's chat template: chooses the source for a conversation, adds the values that transformers adds, and renders on a thread. Decision 013.
import { defaultRenderLimits, type RenderLimits } from "./limits.ts";
import { strftime } from "./builtins/strftime.ts";
import { TemplateError } from "./template-error.ts";
import {
  createTaskRunner,
  defaultThreadLimits,
  type StartTemplateThread,
  type ThreadLimits,
} from "./thread/task-runner.ts";

export interface TemplateRendererOptions {
  readonly limits?: Partial<RenderLimits & ThreadLimits>;
  /** Returns the date that a template gets; default: the current date. */
  readonly now?: () => Date;
  /** Default: a thread of this process. */
  readonly startThread?: StartTemplateThread;
}

export interface TemplateRenderer {
  /**
   * Parses the sources, so that errors in them are reported at once.
   * @throws TemplateError syntax, unsupported, limit; unavailable
   */
  open(sources: TemplateSources): Promise<ChatTemplate>;
  /** Rejects waiting renderings as `unavailable`; resolves when the thread is gone. */
  close(): Promise<void>;
}

interface TokenTexts {
  /** Text of the token that begins a text: the template's `bos_token`. */
  readonly bosText: string;
  /** Text of the token that ends a text: the template's `eos_token`. */
  readonly eosText: string;
}

export interface TemplateSources extends TokenTexts {
  /** `tokenizer.chat_template`. */
  readonly source: string;
  /** `tokenizer.chat_template.<name>` by name. Only `tool_use` is used, for conversations with tools. */
  readonly namedSources?: Readonly<Record<string, string>>;
}

/**
 * Values for the template: those of transformers, and other variables such as `enable_thinking`. They are plain JSON data, in which a JsonText may
 * replace a value. These values override the values that the renderer adds: `documents` (null), `bos_token`, `eos_token`, and for the few templates
 * that read them `date_string`, `datetime` and `functions`.
 */
export interface TemplateValues {
  readonly messages: readonly unknown[];
  /** Absent or empty: the template gets null, as in transformers, or an empty list if the template fails with null. */
  readonly tools?: readonly unknown[] | null;
  readonly documents?: readonly unknown[] | null;
  readonly add_generation_prompt: boolean;
  readonly [name: string]: unknown;
}

export interface ChatTemplate {
  /** The source that renders conversations with tools or without tools. */
  sourceFor(withTools: boolean): string;
  /** Steps of all renderings so far. */
  readonly spentSteps: () => number;
  /**
   * @param client name of the client: waiting renderings take turns by client
   * @throws TemplateError refused, failed, unsupported, limit, unavailable
   */
  render(values: TemplateValues, client?: string): Promise<string>;
}

/** One source, and the value of `tools` for conversations without tools. */
interface OpenSource {
  readonly number: number;
  readonly source: string;
  readonly noTools: null | readonly never[];
}

interface Asked {
  readonly client: string;
  readonly onSpent?: (steps: number) => void;
}

/** A conversation that every usable template can render. */
const plainMessages = [{ role: "user", content: "Hello" }];

/** The renderer has one thread for all its templates. The thread starts with the first template. */
export function createTemplateRenderer(options: TemplateRendererOptions = {}): TemplateRenderer {
  const { now = () => new Date() } = options;
  const limits = { ...defaultRenderLimits, ...defaultThreadLimits, ...options.limits };
  const runner = createTaskRunner(limits, options.startThread);
  let opened = 0;

  async function add(source: string, texts: TokenTexts): Promise<OpenSource> {
    if (opened >= limits.sources)
      throw new TemplateError("unavailable", `more than ${limits.sources} sources are open`);
    const number = opened;
    opened += 1;
    await runner.run({ template: number, nowMs: 0, limits }, source, "");
    const failureOf = async (noTools: OpenSource["noTools"]): Promise<string | undefined> => {
      const values = { messages: plainMessages, tools: noTools, add_generation_prompt: true };
      return await draw({ number, source, noTools }, texts, values, { client: "" }).then(
        () => undefined,
        (error: unknown) => {
          const reason = error instanceof TemplateError ? error.reason : "defect";
          if (reason === "unavailable") throw error;
          return reason;
        },
      );
    };
    // A template that is only for conversations with tools may loop over `tools` without a check for null.
    const mindsNone =
      source.includes("tools") && (await failureOf(null)) === "failed" && (await failureOf([])) === undefined;
    return { number, source, noTools: mindsNone ? [] : null };
  }

  async function draw(open: OpenSource, texts: TokenTexts, values: TemplateValues, asked: Asked): Promise<string> {
    const date = now();
    const tools = values.tools == null || values.tools.length === 0 ? open.noTools : values.tools;
    const all = {
      documents: null,
      bos_token: texts.bosText,
      eos_token: texts.eosText,
      ...ownNames(open.source, tools, date),
      ...values,
      tools,
    };
    const task = { template: open.number, values: all, nowMs: date.getTime(), limits };
    return await runner.run(task, open.source, asked.client, asked.onSpent);
  }

  return {
    async open({ source, namedSources = {}, ...texts }) {
      const usual = await add(source, texts);
      const toolUse = namedSources["tool_use"];
      const forTools = toolUse === undefined ? usual : await add(toolUse, texts);
      let spent = 0;
      const onSpent = (steps: number): void => void (spent += steps);
      return {
        spentSteps: () => spent,
        sourceFor: (withTools) => (withTools ? forTools : usual).source,
        render: async (values, client = "") =>
          await draw(hasTools(values) ? forTools : usual, texts, values, { client, onSpent }),
      };
    },
    close: () => runner.close(),
  };
}

/** Whether the conversation has tools, or has calls in its history. The usual template might not show such calls. */
function hasTools({ tools, messages }: TemplateValues): boolean {
  const isOfTools = (message: unknown): boolean =>
    typeof message === "object" && message !== null && ("tool_calls" in message || "tool_call_id" in message);
  return (tools != null && tools.length > 0) || messages.some(isOfTools);
}

/**
 * Makes values for the few templates that read variables which transformers does not pass. Without these values, such a template prints an old date
 * or refuses to render:
 * - `date_string`: Llama 3.x, "21 Nov 2026"; without `date_string`, Llama 3.1 and 3.3 print 26 July 2024
 * - `datetime`: FireFunction v2, "2026-11-21 14:05:00"
 * - `functions`: FireFunction v2, the tools as indented JSON instead of `tools`
 *
 * All other templates call `strftime_now`, or print no date.
 */
function ownNames(source: string, tools: readonly unknown[] | null, date: Date): Readonly<Record<string, string>> {
  const asksForFunctions = /\bfunctions\b/.test(source) && !/\btools\b/.test(source);
  return {
    ...(source.includes("date_string") ? { date_string: strftime(date, "%d %b %Y") } : {}),
    ...(/\bdatetime\b/.test(source) ? { datetime: strftime(date, "%Y-%m-%d %H:%M:%S") } : {}),
    ...(asksForFunctions ? { functions: JSON.stringify(tools ?? [], null, 2) } : {}),
  };
}
