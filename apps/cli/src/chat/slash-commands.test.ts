import { describe, expect, it } from "vitest";
import type { Conversation } from "./conversation.ts";
import { isSlashCommand, runSlashCommand, type SlashWorld } from "./slash-commands.ts";

const conversation: Conversation = {
  system: undefined,
  messages: [{ role: "user", content: "hi" }],
  settings: {},
  model: undefined,
  sessionId: "s",
};
const world: SlashWorld = { conversation, modelName: "bee", models: ["bee", "wasp"], stats: "" };

describe("a command of the chat", () => {
  it("is a word after a slash; a path is not a command", () => {
    expect(["/help", "/", "/set a b", "/?"].map(isSlashCommand)).toEqual([true, true, true, true]);
    expect(["/etc/passwd is a file", "/ETC", "hi /help", "//"].map(isSlashCommand)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  it("switches models, or lists them", () => {
    expect(runSlashCommand("/model wasp", world)).toMatchObject({
      modelName: "wasp",
      conversation: { model: "wasp", messages: conversation.messages },
    });
    expect(runSlashCommand("/model", world).say).toBe("* bee\n  wasp");
    expect(() => runSlashCommand("/model ant", world)).toThrow("Unknown model ant. Available: bee, wasp.");
  });

  it("changes settings of requests, and explains an invalid value", () => {
    const { conversation: warm } = runSlashCommand("/set temperature 0.5", world);
    expect(warm?.settings).toEqual({ temperature: 0.5 });
    expect(runSlashCommand("/set seed=7", world).conversation?.settings).toEqual({ seed: 7 });
    expect(runSlashCommand("/set enable_thinking off", world).conversation?.settings).toEqual({
      enable_thinking: false,
    });
    expect(runSlashCommand("/set temperature", { ...world, conversation: warm ?? conversation })).toMatchObject({
      conversation: { settings: {} },
    });
    expect(() => runSlashCommand("/set temperature hot", world)).toThrow(/^Cannot set temperature to "hot": .*number/);
    expect(() => runSlashCommand("/set temperature 3", world)).toThrow(/^Cannot set temperature to "3": .*2/);
    expect(() => runSlashCommand("/set warmth 1", world)).toThrow('Unknown setting "warmth". Settings: max_tokens');
  });

  it("sets, shows and removes the system prompt", () => {
    const changed = runSlashCommand("/system Answer in\nFrench.", world).conversation ?? conversation;
    expect(changed.system).toBe("Answer in\nFrench.");
    expect(runSlashCommand("/system", { ...world, conversation: changed }).say).toBe("Answer in\nFrench.");
    expect(runSlashCommand("/system none", { ...world, conversation: changed }).conversation?.system).toBeUndefined();
  });

  it("clears the conversation, shows the statistics, and leaves the chat", () => {
    expect(runSlashCommand("/clear", world).conversation?.messages).toEqual([]);
    expect(runSlashCommand("/stats", world).say).toBe("Nothing has been answered yet.");
    expect(runSlashCommand("/stats", { ...world, stats: "9 tokens" }).say).toBe("9 tokens");
    expect(["/exit", "/bye", "/quit"].map((name) => runSlashCommand(name, world).leave)).toEqual([true, true, true]);
    expect(runSlashCommand("/", world).say).toContain("/model [name]");
    expect(() => runSlashCommand("/dance", world)).toThrow("Unknown command /dance.");
  });
});
