// Owns how a test handles the chat as a visitor does: by what is written and what can be pressed.
import type { Locator, Page } from "playwright-core";

export interface ChatPage {
  readonly page: Page;
  readonly box: Locator;
  readonly answers: Locator;
  readonly lastAnswer: Locator;
  send(text: string): Promise<void>;
  /** The last answer's text, once there is some. */
  text(): Promise<string>;
  /** Resolves when the last answer is in this phase. */
  phase(name: "waiting" | "thinking" | "streaming" | "done" | "stopped" | "broken"): Promise<void>;
  stop(): Promise<void>;
}

export function chatPage(page: Page): ChatPage {
  const box = page.getByRole("textbox", { name: "Message", exact: true });
  const answers = page.locator(".answer");
  const lastAnswer = answers.last();
  return {
    page,
    box,
    answers,
    lastAnswer,
    async send(text) {
      // Once no dialog is in front of it: it would take the key.
      await box.click();
      await box.fill(text);
      await box.press("Enter");
    },
    text: async () => await lastAnswer.locator(".markdown").filter({ hasText: /\S/ }).evaluate(textOnceDrawn),
    phase: (name) => page.locator(`.turn:last-child[data-phase=${name}]`).waitFor(),
    stop: () => page.getByRole("button", { name: "Stop" }).click(),
  };
}

/** What is not drawn yet has no such text: a block that has just come may lie outside of what is shown until the next frame. */
function textOnceDrawn(element: HTMLElement | SVGElement): Promise<string> {
  return new Promise((resolve) => {
    const look = (): void => {
      const text = element instanceof HTMLElement ? element.innerText.trim() : "";
      if (text === "") requestAnimationFrame(look);
      else resolve(text);
    };
    look();
  });
}
