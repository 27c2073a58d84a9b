// Owns a model's chat template as its callers see it: which of its sources is taken, the values that it gets in addition to the conversation, and that
// the rendering happens on a thread.
import type { Clock } from "@waggle/async";
import { defaultRenderLimits } from "./limits.ts";
import type { RenderLimits } from "./limits.ts";
import { ownNames } from "./own-names.ts";
import { TemplateError } from "./template-error.ts";
import { createTaskRunner, defaultThreadLimits } from "./thread/task-runner.ts";
import type { StartTemplateThread, ThreadLimits } from "./thread/task-runner.ts";

export interface TemplateRendererOptions {
  readonly limits?: Partial<RenderLimits & ThreadLimits>;
  /** The date that a template gets; default: today's. */
  readonly now?: () => Date;
  readonly clock?: Clock;
  /** Default: a thread of this process. */
  readonly startThread?: StartTemplateThread;
}

export interface TemplateRenderer {
  /**
   * Reads the sources, so that a template that cannot be read is known at once.
   * @throws TemplateError syntax, unsupported, limit; unavailable
   */
  open(sources: TemplateSources): Promise<ChatTemplate>;
  /** Waiting renderings get `unavailable`; resolves when the thread is gone. */
  close(): Promise<void>;
}

interface TokenTexts {
  /** The texts of the tokens that begin and end a text: the template's `bos_token` and `eos_token`. */
  readonly bosText: string;
  readonly eosText: string;
}

export interface TemplateSources extends TokenTexts {
  /** `tokenizer.chat_template`. */
  readonly source: string;
  /** `tokenizer.chat_template.<name>` by name. Of them `tool_use` is taken for conversations with tools. */
  readonly namedSources?: Readonly<Record<string, string>>;
}

/**
 * The values of the template, under the names that transformers gives them, and others that it may ask for (`enable_thinking`). Plain JSON data, in
 * which a JsonText may replace a value. These values override what the renderer passes by itself: `documents` (none), `bos_token`,
 * `eos_token`, and for the few templates that ask for them `date_string`, `datetime` and `functions`.
 */
export interface TemplateValues {
  readonly messages: readonly unknown[];
  /** Absent or empty: none, as in transformers; or an empty list, for a template that takes a plain conversation only so. */
  readonly tools?: readonly unknown[] | null;
  readonly documents?: readonly unknown[] | null;
  readonly add_generation_prompt: boolean;
  readonly [name: string]: unknown;
}

export interface ChatTemplate {
  /** The source that is taken for conversations with tools, and without. */
  sourceFor(withTools: boolean): string;
  /** The time that its renderings have taken so far, of the thread's processor time where the system reports it. */
  readonly spentMs: () => number;
  /**
   * @param client shares the thread fairly with others
   * @throws TemplateError refused, failed, unsupported, limit, unavailable
   */
  render(values: TemplateValues, client?: string): Promise<string>;
}

/** One source, and what it takes for a conversation without tools. */
interface OpenSource {
  readonly number: number;
  readonly source: string;
  readonly noTools: null | readonly never[];
}

interface Asked {
  readonly client: string;
  readonly onSpent?: (ms: number) => void;
}

/** A conversation that every usable template can render. */
const plainMessages = [{ role: "user", content: "Hello" }];

/** One thread for all templates that are opened with it; it starts with the first of them. */
export function createTemplateRenderer(options: TemplateRendererOptions = {}): TemplateRenderer {
  const { now = () => new Date() } = options;
  const limits = { ...defaultRenderLimits, ...defaultThreadLimits, ...options.limits };
  const runner = createTaskRunner({
    limits,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.startThread === undefined ? {} : { startThread: options.startThread }),
  });
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
        (error: unknown) => (error instanceof TemplateError ? error.reason : "defect"),
      );
    };
    // Templates for tools alone go through them without asking whether there are any.
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
      let spentMs = 0;
      const onSpent = (ms: number): void => void (spentMs += ms);
      return {
        spentMs: () => spentMs,
        sourceFor: (withTools) => (withTools ? forTools : usual).source,
        render: async (values, client = "") =>
          await draw(hasTools(values) ? forTools : usual, texts, values, { client, onSpent }),
      };
    },
    close: () => runner.close(),
  };
}

/** Or a history of them, which the usual template may not show. */
function hasTools({ tools, messages }: TemplateValues): boolean {
  const isOfTools = (message: unknown): boolean =>
    typeof message === "object" && message !== null && ("tool_calls" in message || "tool_call_id" in message);
  return (tools != null && tools.length > 0) || messages.some(isOfTools);
}
