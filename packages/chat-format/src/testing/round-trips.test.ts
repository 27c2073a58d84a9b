import { describe, expect, test } from "vitest";
import { roundTripAnswers } from "./round-trip-answers.ts";
import { roundTrips, type RenderTemplate, type RoundTrips } from "./round-trips.ts";

interface RenderedMessage {
  readonly role: string;
  readonly content: string;
  readonly thinking?: string;
  readonly tool_calls?: readonly {
    readonly function: { readonly name: string; readonly arguments: object | string };
  }[];
}

interface Template {
  readonly thoughts?: boolean;
  readonly calls?: "once" | "all";
  readonly wants?: "object" | "string";
  readonly says?: (content: string) => string;
  readonly opens?: (values: Readonly<Record<string, unknown>>) => string;
}

/** A small template: thoughts in `thinking`, arguments in one shape only, a token at the end of each turn. */
function family(template: Template = {}): RenderTemplate {
  const { thoughts = true, calls = "all", wants = "object", says = (text) => text, opens = () => "" } = template;
  return async (values) => {
    const turns = (values["messages"] as RenderedMessage[]).map((turn) => `<${turn.role}>${said(turn)}<|im_end|>\n`);
    return turns.join("") + (values["add_generation_prompt"] === true ? `<assistant>${opens(values)}` : "");
  };
  function said({ content, thinking, tool_calls = [] }: RenderedMessage): string {
    const listed = tool_calls.slice(0, calls === "once" ? 1 : undefined).map((call) => {
      const { name, arguments: given } = call.function;
      if (typeof given !== wants) throw new Error(`Arguments must be given as ${wants}`);
      return `[${name} ${typeof given === "string" ? given : JSON.stringify(given)}]`;
    });
    const thought = thoughts && thinking !== undefined ? `(${thinking})` : "";
    return thought + (content && says(content)) + listed.join("");
  }
}

function reasonOf({ skipped }: RoundTrips, name: string): string | undefined {
  return skipped.find((each) => each.name === name)?.reason;
}

function textOf({ cases }: RoundTrips, name: string): string | undefined {
  return cases.find((each) => each.name === `family: ${name}`)?.text;
}

describe("round trips", () => {
  test("have the text after the prompt, without the end of the turn", async () => {
    const trips = await roundTrips("family", family());
    expect(textOf(trips, "plain")).toBe("It is a bright afternoon.");
    expect(textOf(trips, "thought and call")).toBe(
      '(The user greets me, so a look outside helps.)[get_weather {"city":"Paris","days":3}]',
    );
    expect(textOf(trips, "two calls")).toBe('[get_weather {"city":"Paris","days":3}][get_weather {"city":"Oslo"}]');
    for (const each of trips.cases) expect(each.promptTail).toBe("<user>Hey there!<|im_end|>\n<assistant>");
  });

  test("have a case or a reason for every answer", async () => {
    const trips = await roundTrips("family", family());
    const names = [
      ...trips.cases.map((each) => each.name.replace("family: ", "")),
      ...trips.skipped.map((each) => each.name),
    ];
    expect(names.toSorted()).toEqual(roundTripAnswers.map((each) => each.name).toSorted());
    expect(trips.cases).toHaveLength(12);
  });

  test("skip answers with parts that the template drops", async () => {
    const trips = await roundTrips("family", family({ thoughts: false, calls: "once" }));
    expect(reasonOf(trips, "thought and answer")).toBe("thoughts are not rendered");
    expect(reasonOf(trips, "two calls")).toBe("calls are not rendered");
    expect(textOf(trips, "call")).toBe('[get_weather {"city":"Paris","days":3}]');
  });

  test("skip answers that cannot follow the prompt", async () => {
    const trips = await roundTrips("family", family({ opens: () => "(" }));
    expect(reasonOf(trips, "plain")).toBe("the turn does not begin as the prompt");
    expect(textOf(trips, "thought and answer")).toBe(
      "The user greets me, so a look outside helps.)It is a bright afternoon.",
    );
  });

  test("skip content that the template renders as a thought", async () => {
    const inThought = await roundTrips("family", family({ opens: () => "<think>", says: (text) => `<think>${text}` }));
    expect(reasonOf(inThought, "plain")).toBe("content is rendered in an open thought");
    const asThought = await roundTrips("family", family({ says: (text) => `(${text})` }));
    expect(reasonOf(asThought, "content and call")).toBe("content is rendered as a thought");
    expect(textOf(asThought, "thought and call")).toBeDefined();
  });

  test("pass arguments as an object, or as text if the template requires it", async () => {
    for (const wants of ["object", "string"] as const) {
      const trips = await roundTrips("family", family({ wants }));
      expect(textOf(trips, "call")).toBe('[get_weather {"city":"Paris","days":3}]');
    }
  });

  test("switch thinking with the variable that changes the prompt", async () => {
    const opens = (values: Readonly<Record<string, unknown>>): string => (values["thinking"] === true ? "(" : "");
    const trips = await roundTrips("family", family({ opens }));
    const on = trips.cases.find((each) => each.name === "family: thought and call, thinking switched on");
    expect(on?.values).toEqual({ thinking: true });
    expect(on?.promptTail.endsWith("<assistant>(")).toBe(true);
    expect(reasonOf(trips, "plain, thinking switched off")).toBe("the same as an earlier case");
    expect(reasonOf(await roundTrips("family", family()), "plain, thinking switched off")).toBe(
      "thinking cannot be switched",
    );
  });

  test("report that a template refuses", async () => {
    const trips = await roundTrips("family", async () => {
      throw new Error("No");
    });
    expect(trips.cases).toEqual([]);
    expect(reasonOf(trips, "plain")).toBe("the template refuses");
  });
});
