// Defines the request settings that a user may set, and parses their values. The protocol's schema decides which values are valid.
import { GenerateRequestSchema, SamplingSchema, type GenerateRequestInput } from "@waggle/protocol";
import { wrongUse } from "../cli-error.ts";

export type RequestSettings = Readonly<Record<string, unknown>>;

const ofAnswers = ["max_tokens", "enable_thinking", "reasoning_effort", "thinking_budget_tokens"] as const;
const tooLong = new Set(["dry_sequence_breakers", "logit_bias", "grammar"]);

export const settingNames: readonly string[] = [
  ...ofAnswers,
  ...Object.keys(SamplingSchema.shape).filter((name) => !tooLong.has(name)),
];

/** Parses a setting such as `temperature=0.5`. @throws CliError naming the setting and its valid values */
export function parseSetting(text: string): readonly [name: string, value: unknown] {
  const [, name = "", value = ""] = /^([^=]*)=?(.*)$/s.exec(text) ?? [];
  return [name.trim(), settingValue(name.trim(), value.trim())];
}

/** @throws CliError naming the setting and its valid values */
export function settingValue(name: string, text: string): unknown {
  if (!settingNames.includes(name)) {
    throw wrongUse(`Unknown setting "${name}". Settings: ${settingNames.join(", ")}.`);
  }
  const value = parseSettingWord(text);
  const request = { messages: [{ role: "user", content: "?" }], [name]: value };
  const { error } = GenerateRequestSchema.safeParse(request);
  const issue = error?.issues.find(({ path }) => path[0] === name);
  if (issue === undefined) return value;
  throw wrongUse(`Cannot set ${name} to "${text}": ${issue.message.replace(/^must /, "it must ")}.`);
}

function parseSettingWord(text: string): unknown {
  if (["true", "on"].includes(text)) return true;
  if (["false", "off"].includes(text)) return false;
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

export interface RequestWords {
  readonly messages: NonNullable<GenerateRequestInput["messages"]>;
  readonly model: string | undefined;
  readonly settings: RequestSettings;
  readonly sessionId?: string;
}

export function requestOf({ messages, model, settings, sessionId }: RequestWords): GenerateRequestInput {
  return {
    messages,
    ...settings,
    ...(model === undefined ? {} : { model }),
    ...(sessionId === undefined ? {} : { session_id: sessionId }),
  };
}
