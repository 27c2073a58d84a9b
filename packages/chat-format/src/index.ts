export type { AnswerPart, AnswerTool } from "./lib/answer-part.ts";
export { answerStart } from "./lib/answer-start.ts";
export type {
  Abilities,
  AnswerStart,
  ChatFormat,
  Mark,
  TemplateInputs,
  ThinkingSwitch,
  ThoughtKey,
} from "./lib/format.ts";
export { withMarks } from "./lib/marks.ts";
export { createReader, type AnswerReader, type ReaderOptions } from "./lib/reader.ts";
export type { AnswerItem, ArgumentsSyntax, CallObject, Syntax, TaggedArguments } from "./lib/syntax.ts";
export { deriveFormat, type DeriveOptions } from "./lib/derive/derive-format.ts";
export { TemplateUnansweredError } from "./lib/derive/limited-render.ts";
export type { Render } from "./lib/derive/conversations.ts";
export {
  AnswerGrammarError,
  answerGrammar,
  promptMark,
  type AnswerGrammarOptions,
  type GrammarTool,
} from "./lib/grammar/answer-grammar.ts";
export { markText } from "./lib/marks.ts";
export { genericFormat } from "./lib/generic-format.ts";
export {
  TemplateInputError,
  type ChatContent,
  type ChatConversation,
  type ChatMessage,
  type ChatTool,
  type ChatToolCall,
} from "./lib/inputs/conversation.ts";
export { renderConversation } from "./lib/inputs/render-conversation.ts";
export { usualInputs } from "./lib/inputs/template-inputs.ts";
export { thoughtEndOf } from "./lib/derive/derive-thought-end.ts";
