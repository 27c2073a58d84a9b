// Owns a model's chat template: chooses the source for a conversation, adds the values that transformers adds, and renders on a thread. Decision 013.
import { createIsolate, IsolateError } from "@waggle/async";
import { strftime } from "./builtins/strftime.ts";
import { defaultRenderLimits } from "./limits.ts";
import type { RenderResult, RenderTask, StartTemplateThread } from "./render-task.ts";
import { TemplateError, type TemplateErrorReason } from "./template-error.ts";

export interface TemplateRendererOptions {
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
  readonly source: string;
  readonly noTools: null | readonly never[];
}

interface Asked {
  readonly client: string;
  /** Receives the steps of the rendering, also if it failed; all that it may take if its thread ended. */
  readonly onSpent?: (steps: number) => void;
}

/** A conversation that every usable template can render. */
const plainMessages = [{ role: "user", content: "Hello" }];

/** Limits of the thread. The count of steps ends each rendering, so a rendering has no time limit. */
const limits = { waiting: 256, clientShare: 0.5, heapMiB: 512, stackMiB: 4 };

/** Reasons for the thread's errors; errors that are not in this table are `unavailable`. */
const reasons: Readonly<Partial<Record<IsolateError["reason"], TemplateErrorReason>>> = {
  out_of_memory: "limit",
  not_data: "unsupported",
};

/** The renderer has one thread for all its templates. The thread starts with the first template. */
export function createTemplateRenderer(options: TemplateRendererOptions = {}): TemplateRenderer {
  const { now = () => new Date(), startThread } = options;
  const isolate = createIsolate<RenderTask, RenderResult>({
    thread: { name: "template-thread", caller: import.meta.url },
    limits,
    ...(startThread === undefined ? {} : { startThread }),
  });

  async function perform(task: RenderTask, { client, onSpent = () => {} }: Asked): Promise<string> {
    const result = await isolate.run(task, { client }).catch((error: unknown) => {
      onSpent(defaultRenderLimits.steps);
      if (!(error instanceof IsolateError)) throw error;
      throw new TemplateError(reasons[error.reason] ?? "unavailable", error.message, { cause: error });
    });
    onSpent(result.steps);
    if (result.kind === "failed") throw new TemplateError(result.reason, result.message);
    return result.text;
  }

  async function add(source: string, texts: TokenTexts): Promise<OpenSource> {
    await perform({ source, nowMs: 0 }, { client: "" });
    const failureOf = async (noTools: OpenSource["noTools"]): Promise<string | undefined> => {
      const values = { messages: plainMessages, tools: noTools, add_generation_prompt: true };
      return await draw({ source, noTools }, texts, values, { client: "" }).then(
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
    return { source, noTools: mindsNone ? [] : null };
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
    return await perform({ source: open.source, values: all, nowMs: date.getTime() }, asked);
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
    close: () => isolate.close(),
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
