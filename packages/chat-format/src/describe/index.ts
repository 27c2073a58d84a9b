export { describeFile, renderByFile, type FileDescription, type PromptRequest } from "./describe-file.ts";
export type { Rendered } from "./description-thread.ts";
export { createFileDescriber, type FileDescriber } from "./file-describer.ts";
export { guardConversation } from "./guard-conversation.ts";
export { templateNames } from "./named-templates.ts";
export { openModelChat, type ModelChat, type ModelChatOptions } from "./open-model-chat.ts";
export { problemOfMessages } from "./problem-of-messages.ts";
export { breakMark, createSpecialText, type SpecialText } from "./special-text.ts";
export { markPictures, missingPicture, splitAtPictures, type PicturedConversation } from "./picture-marks.ts";
