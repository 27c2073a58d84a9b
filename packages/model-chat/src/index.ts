export {
  describeFile,
  renderByFile,
  type DescribeOptions,
  type FileDescription,
  type PromptRequest,
} from "./lib/describe-file.ts";
export type { DescriptionTask, Rendered } from "./lib/description-thread.ts";
export {
  createFileDescriber,
  defaultDescriberLimits,
  type DescriberLimits,
  type FileDescriber,
  type FileDescriberOptions,
} from "./lib/file-describer.ts";
export { guardConversation } from "./lib/guard-conversation.ts";
export { templateNames } from "./lib/named-templates.ts";
export { openModelChat, type ModelChat, type ModelChatOptions } from "./lib/open-model-chat.ts";
export { problemOfMessages } from "./lib/problem-of-messages.ts";
export { breakMark, createSpecialText, type SpecialText } from "./lib/special-text.ts";
