// Defines the inputs of a chat template: which parts of a conversation it shows, and in which shape it takes them.
import type { Syntax } from "../syntax.ts";

/** The place of a thought in a message of the history: the field with this name, or for `parts` a part of the content. */
export type ThoughtKey = "reasoning_content" | "thinking" | "reasoning" | "parts";

/** The parts of a conversation that the template takes, and their shapes. All fields except `variables` are found in renderings. */
export interface TemplateInputs {
  /** The template renders tools. If not, a message explains the tools in words. */
  readonly tools: boolean;
  /** What replaces a tool's missing description and parameters. `nothing`: no text; `empty`: "" and {}; `object`: "" and an empty object's schema. */
  readonly missing: "nothing" | "empty" | "object";
  /** The template needs a description of every parameter; the description may be empty. */
  readonly parameterDescriptions: boolean;
  /** The template renders the calls of an assistant's message. */
  readonly calls: boolean;
  /** Syntax for calls in messages, if tools or calls are explained in words: the format's syntax, with markers as plain text. */
  readonly callSyntax?: Syntax;
  /** The template takes several calls in one message. If not, each call becomes a separate message, followed by its result. */
  readonly parallelCalls: boolean;
  /** The template takes a call's arguments as an object. If not, it takes the arguments as JSON text. */
  readonly objectArguments: boolean;
  /** If arguments are not an object, the template takes them as text. If it does not, such arguments are put into an object. */
  readonly textArguments: boolean;
  /** The value for missing content in a message with calls. */
  readonly emptyContent: "" | "null" | "absent";
  /** How content before calls is shown: in the message with the calls, in a separate message, or inserted into the rendering. */
  readonly contentWithCalls: "beside" | "before" | "inserted";
  /** For `inserted`: the text between an answer's beginning and the name of its first call. The content is inserted before this text. */
  readonly callsOpen?: string;
  /** The template shows a thought in a message that has both content and calls. */
  readonly thoughtWithBoth: boolean;
  /** Form of calls' ids. `short`: nine letters and digits; `named`: `functions.name:0`, for templates that show the id instead of the name. */
  readonly ids: "any" | "short" | "named";
  /** The template takes messages of the role `tool`. */
  readonly results: boolean;
  /** The template takes a user's message directly after a call or a result, without an answer between them. */
  readonly userAfterResult: boolean;
  /** The template takes a system message at the beginning. */
  readonly system: boolean;
  /** The template takes a second system message, and system messages after other messages. */
  readonly laterSystem: boolean;
  /** Roles whose content may be a list of texts. */
  readonly lists: readonly ("system" | "user" | "assistant" | "tool")[];
  /** The template takes content only as a list. */
  readonly listsOnly: boolean;
  /** The template takes an empty message of the assistant. */
  readonly emptyAnswers: boolean;
  /** The template refuses two messages of one role in a row. */
  readonly alternating: boolean;
  /** Absent: the template does not render thoughts in the history. */
  readonly thoughtKey?: ThoughtKey;
  /** Variables that a request may set. */
  readonly variables: readonly string[];
}

/** The inputs of a template that takes everything in its usual shape. */
export const usualInputs: TemplateInputs = {
  tools: true,
  missing: "nothing",
  parameterDescriptions: false,
  calls: true,
  parallelCalls: true,
  objectArguments: true,
  textArguments: true,
  emptyContent: "",
  contentWithCalls: "beside",
  thoughtWithBoth: true,
  ids: "any",
  results: true,
  userAfterResult: true,
  system: true,
  laterSystem: true,
  lists: [],
  listsOnly: false,
  emptyAnswers: true,
  alternating: false,
  variables: [],
};
