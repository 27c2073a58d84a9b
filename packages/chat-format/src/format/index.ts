export { answerStart, type AnswerPart, type AnswerStart, type AnswerTool } from "./answer.ts";
export type { Abilities, ChatFormat, Mark, TemplateInputs, ThinkingSwitch, ThoughtKey } from "./format.ts";
export { withMarks } from "./marks.ts";
export { createReader, type AnswerReader, type ReaderOptions } from "./reader.ts";
export type { AnswerItem, ArgumentsSyntax, CallObject, Syntax, TaggedArguments } from "./syntax.ts";
export { deriveFormat, type DeriveOptions } from "./derive/derive-format.ts";
export { TemplateUnansweredError } from "./derive/limited-render.ts";
export type { Render } from "./derive/conversations.ts";
export {
  AnswerGrammarError,
  answerGrammar,
  promptMark,
  type AnswerGrammarOptions,
  type GrammarTool,
} from "./grammar/answer-grammar.ts";
export { markText } from "./marks.ts";
export { genericFormat } from "./derive/generic.ts";
export {
  TemplateInputError,
  type ChatContent,
  type ChatConversation,
  type ChatMessage,
  type ChatTool,
  type ChatToolCall,
} from "./inputs/conversation.ts";
export { renderConversation } from "./inputs/render-conversation.ts";
export { usualInputs } from "./inputs/template-inputs.ts";
export { thoughtEndOf } from "./derive/derive-thought-end.ts";
