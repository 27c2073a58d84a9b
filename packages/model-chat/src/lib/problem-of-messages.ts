// Owns what a client is told whose messages the model's chat template does not take.
import { TemplateInputError } from "@waggle/chat-format";
import { TemplateError } from "@waggle/chat-template";

/** A template may say anything when it refuses. */
const maxReasonChars = 200;

/** The end of a sentence about the messages; undefined for an error that other messages would meet as well. */
export function problemOfMessages(error: unknown): string | undefined {
  if (error instanceof TemplateInputError) return error.message;
  if (!(error instanceof TemplateError) || error.reason === "unavailable") return undefined;
  const what = error.reason === "refused" ? "does not take them" : "cannot render them";
  return `the model's chat template ${what}: ${error.message.slice(0, maxReasonChars)}`;
}
