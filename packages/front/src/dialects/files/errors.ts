// Builds errors of files and batches in OpenAI's shape, with the parameters and codes that OpenAI's server sends.
import { fieldOf } from "@waggle/protocol";
import type { FileError, WaggleError } from "@waggle/protocol";
import { openAiError } from "../openai/errors.ts";

export function fileError(error: WaggleError): FileError {
  const { error: body } = openAiError(error);
  const refused = { ...body, type: "invalid_request_error", code: null };
  if (error.code === "not_found") return { error: { ...refused, param: body.param ?? "id" } };
  if (error.code === "conflict") return { error: refused };
  return { error: isMissing(error) ? { ...body, code: "missing_required_parameter" } : body };
}

/** Whether the error blames a field that the request lacks. */
function isMissing(error: WaggleError): boolean {
  const [first] = (error.details?.["problems"] ?? []) as readonly { readonly problem?: string }[];
  return fieldOf(error) !== null && first?.problem?.startsWith("missing;") === true;
}
