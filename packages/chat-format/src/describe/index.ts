export {
  describeFile,
  renderByFile,
  type DescribeOptions,
  type FileDescription,
  type PromptRequest,
} from "./describe-file.ts";
export type { DescriptionTask, Rendered } from "./description-thread.ts";
export {
  createFileDescriber,
  defaultDescriberLimits,
  type DescriberLimits,
  type FileDescriber,
  type FileDescriberOptions,
} from "./file-describer.ts";
export { guardConversation } from "./guard-conversation.ts";
export { templateNames } from "./named-templates.ts";
export { openModelChat, type ModelChat, type ModelChatOptions } from "./open-model-chat.ts";
export { problemOfMessages } from "./problem-of-messages.ts";
export { breakMark, createSpecialText, type SpecialText } from "./special-text.ts";
