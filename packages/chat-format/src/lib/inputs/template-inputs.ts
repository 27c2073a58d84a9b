// Owns what is known of a chat template's input: which parts of a conversation it shows, and in which shape it takes them.
import type { Syntax } from "../syntax.ts";

/** Where a message in the history carries its thoughts; `parts`: as a part of the content. */
export type ThoughtKey = "reasoning_content" | "thinking" | "reasoning" | "parts";

/** What the template takes, and in which shape. All but `variables` was seen in what it renders. */
export interface TemplateInputs {
  /** It renders the tools it is given. Where not, they are told in words. */
  readonly tools: boolean;
  /** What stands for a tool's missing description and parameters: nothing, "" and {}, or "" and the schema of an empty object. */
  readonly missing: "nothing" | "empty" | "object";
  /** It wants a description of every parameter, if only an empty one. */
  readonly parameterDescriptions: boolean;
  /** It renders the calls of an assistant's message. */
  readonly calls: boolean;
  /** How a call is told in words, where tools or calls are: the format's own syntax, markers as text. */
  readonly callSyntax?: Syntax;
  /** Two calls in one message. Where not, each is a message, followed by its result. */
  readonly parallelCalls: boolean;
  /** A call's arguments as an object (else as JSON text). */
  readonly objectArguments: boolean;
  /** Arguments that are no object, as text. Where not, an object holds them. */
  readonly textArguments: boolean;
  /** What stands for content beside calls where there is none. */
  readonly emptyContent: "" | "null" | "absent";
  /** How content that comes with calls is shown before them: in one message, as a message of its own, or put into the rendering. */
  readonly contentWithCalls: "beside" | "before" | "inserted";
  /** Where it is put in: before this text, which stands before the name of a message's first call. */
  readonly callsOpen?: string;
  /** A thought beside both. */
  readonly thoughtWithBoth: boolean;
  /** Calls' ids: nine letters and digits; or `functions.name:0`, where the id is all that is shown of a name. */
  readonly ids: "any" | "short" | "named";
  /** Messages of the role `tool`. */
  readonly results: boolean;
  /** A user's message right behind a call or a result, which then need not have been answered. */
  readonly userAfterResult: boolean;
  /** A system message, at the beginning. */
  readonly system: boolean;
  /** A second one, or one later on. */
  readonly laterSystem: boolean;
  /** Roles whose content may be a list of texts. */
  readonly lists: readonly ("system" | "user" | "assistant" | "tool")[];
  /** It takes no content of another shape than a list. */
  readonly listsOnly: boolean;
  /** An assistant's message that says nothing. */
  readonly emptyAnswers: boolean;
  /** Two messages of one role must not follow each other. */
  readonly alternating: boolean;
  /** Absent: thoughts in the history are not rendered. */
  readonly thoughtKey?: ThoughtKey;
  /** Variables that a request may set. */
  readonly variables: readonly string[];
}

/** Of a template that takes everything as it usually comes. */
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
