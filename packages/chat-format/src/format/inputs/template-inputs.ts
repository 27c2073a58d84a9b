// Defines the inputs of a chat template: which parts of a conversation it shows, and in which shape it takes them.
import type { Syntax } from "../syntax.ts";

/** Where a message in the history carries its thoughts; `parts`: as a part of the content. */
export type ThoughtKey = "reasoning_content" | "thinking" | "reasoning" | "parts";

/** What the template takes, and in which shape. All but `variables` was seen in what it renders. */
export interface TemplateInputs {
  /** The template renders tools. If it does not, the prompt explains them in words. */
  readonly tools: boolean;
  /** The values for a tool's missing description and parameters: nothing, "" and {}, or "" and the schema of an empty object. */
  readonly missing: "nothing" | "empty" | "object";
  /** The template needs a description of every parameter, even if it is empty. */
  readonly parameterDescriptions: boolean;
  /** The template renders the calls of an assistant's message. */
  readonly calls: boolean;
  /** How a call is explained in words, where tools or calls are: the format's syntax, markers as text. */
  readonly callSyntax?: Syntax;
  /** The template takes several calls in one message. If not, each call becomes a separate message, followed by its result. */
  readonly parallelCalls: boolean;
  /** The template takes a call's arguments as an object; if not, as JSON text. */
  readonly objectArguments: boolean;
  /** The template takes arguments that are not an object as text. If not, they are put into an object. */
  readonly textArguments: boolean;
  /** The value for missing content in a message with calls. */
  readonly emptyContent: "" | "null" | "absent";
  /** How content that comes with calls is shown before them: in one message, as a separate message, or put into the rendering. */
  readonly contentWithCalls: "beside" | "before" | "inserted";
  /** For `inserted`: the text before which the content is put. It precedes the name of a message's first call. */
  readonly callsOpen?: string;
  /** The template shows a thought in a message that has both content and calls. */
  readonly thoughtWithBoth: boolean;
  /** Calls' ids: nine letters and digits; or `functions.name:0`, where the id is all that is shown of a name. */
  readonly ids: "any" | "short" | "named";
  /** The template takes messages of the role `tool`. */
  readonly results: boolean;
  /** The template takes a user's message directly after a call or a result, without an answer between them. */
  readonly userAfterResult: boolean;
  /** The template takes a system message at the beginning. */
  readonly system: boolean;
  /** The template takes a second system message, or one after other messages. */
  readonly laterSystem: boolean;
  /** Roles whose content may be a list of texts. */
  readonly lists: readonly ("system" | "user" | "assistant" | "tool")[];
  /** The template takes content only as a list. */
  readonly listsOnly: boolean;
  /** The template takes an empty message of the assistant. */
  readonly emptyAnswers: boolean;
  /** Two messages of one role must not follow each other. */
  readonly alternating: boolean;
  /** Absent: thoughts in the history are not rendered. */
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
