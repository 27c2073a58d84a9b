// Converts the thinking fields and template variables of a request to the variables that the model's chat template reads. A field that the model
// does not support is rejected with the field's name.
import type { ChatFormat } from "@waggle/chat-format/format";
import { refuseField } from "@waggle/protocol";
import type { ChatOptions } from "@waggle/protocol";

export type ThinkingFields = Pick<ChatOptions, "chat_template_kwargs" | "enable_thinking" | "reasoning_effort">;

/** Variables that the worker sets for every template; requests must not set them. */
const ours = new Set([
  "messages",
  "tools",
  "add_generation_prompt",
  "bos_token",
  "eos_token",
  "continue_final_message",
]);

/** Variables with which clients switch thinking on or off. These variables also work if the template's variable has another name. */
const switchNames: ReadonlySet<string> = new Set(["enable_thinking", "thinking"]);

/** Whether the fields that all dialects share turn thinking on or off; undefined if the fields are absent. */
export function wantsThinking({
  enable_thinking: enable,
  chat_template_kwargs: kwargs,
}: ThinkingFields): boolean | undefined {
  const said = [enable, ...Object.entries(kwargs ?? {}).map(([name, value]) => (switchNames.has(name) ? value : null))];
  return said.find((value) => typeof value === "boolean");
}

/** The thinking fields that all dialects share. */
export function sharedThinking({
  enable_thinking: enable,
  chat_template_kwargs: kwargs,
}: ThinkingFields): ThinkingFields {
  return {
    ...(enable == null ? {} : { enable_thinking: enable }),
    ...(kwargs == null ? {} : { chat_template_kwargs: kwargs }),
  };
}

export function setsTemplateVariables(given: ThinkingFields): boolean {
  return given.chat_template_kwargs != null || given.enable_thinking != null || given.reasoning_effort != null;
}

/** @throws WaggleError invalid_argument naming the field */
export function templateVariables(given: ThinkingFields, format: ChatFormat): Readonly<Record<string, unknown>> {
  const { chat_template_kwargs: kwargs, enable_thinking: enable, reasoning_effort: effort } = given;
  const { thinkingSwitch } = format.abilities;
  const variables = new Map<string, unknown>();
  for (const [name, value] of Object.entries(kwargs ?? {})) {
    const field = `chat_template_kwargs.${name}`;
    if (ours.has(name)) throw refuseField(field, "it is set by other fields of the request");
    if (reads(format, name)) set(variables, name, value, field);
    else if (switchNames.has(name) && typeof value === "boolean") switchThinking(format, variables, value, field);
    else throw refuseField(field, "this model's chat template does not read it");
  }
  if (enable != null) switchThinking(format, variables, enable, "enable_thinking");
  if (effort === "none") switchThinking(format, variables, false, "reasoning_effort");
  else if (effort != null && reads(format, "reasoning_effort")) {
    set(variables, "reasoning_effort", effort, "reasoning_effort");
  } else if (effort != null && thinkingSwitch !== undefined && !variables.has(thinkingSwitch.name)) {
    // Clients send an effort to every model. Without levels it only switches thinking on.
    variables.set(thinkingSwitch.name, thinkingSwitch.on);
  }
  return Object.fromEntries(variables);
}

/** Whether the model has effort levels, in addition to thinking on and off. */
export function hasEffortLevels({ abilities, inputs }: ChatFormat): boolean {
  return inputs.variables.includes("reasoning_effort") && abilities.thinkingSwitch?.name !== "reasoning_effort";
}

function switchThinking(format: ChatFormat, variables: Map<string, unknown>, on: boolean, field: string): void {
  const { thinking, thinkingSwitch } = format.abilities;
  if (thinkingSwitch !== undefined) {
    return set(variables, thinkingSwitch.name, on ? thinkingSwitch.on : thinkingSwitch.off, field);
  }
  if (thinking === (on ? "always" : "never")) return;
  throw refuseField(field, `it cannot be ${on ? "on" : "off"}: ${thinkingOf(format)}`);
}

function set(variables: Map<string, unknown>, name: string, value: unknown, field: string): void {
  if (variables.has(name) && variables.get(name) !== value) {
    throw refuseField(field, `chat_template_kwargs.${name} contradicts it`);
  }
  variables.set(name, value);
}

function reads({ inputs }: ChatFormat, name: string): boolean {
  return inputs.variables.includes(name);
}

function thinkingOf({ abilities: { thinking } }: ChatFormat): string {
  if (thinking === "switchable") return "enable_thinking turns its thinking on and off";
  return thinking === "always" ? "this model always thinks" : "this model does not think";
}
