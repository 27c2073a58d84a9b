export { WaggleError, type ErrorCode } from "@waggle/protocol/errors";
export type { AnswerEvent, RetryEvent } from "./answer.ts";
export * from "./waggle.ts";
export type * from "./wire.ts";
