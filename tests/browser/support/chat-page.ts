// Owns a visitor's actions on the chat page: reading texts, and pressing buttons.
import type { Locator, Page } from "playwright-core";

export interface ChatPage {
  readonly page: Page;
  readonly box: Locator;
  readonly answers: Locator;
  readonly lastAnswer: Locator;
  send(text: string): Promise<void>;
  /** Resolves with the last answer's text when it has one. */
  text(): Promise<string>;
  /** Resolves when the last answer is in this phase. */
  phase(name: "waiting" | "thinking" | "streaming" | "done" | "stopped" | "broken"): Promise<void>;
  stop(): Promise<void>;
  /** Shows the numbers of all answers. */
  showNumbers(): Promise<void>;
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
      // The click waits until no dialog is open: a dialog would get the keys.
      await box.click();
      await box.fill(text);
      await box.press("Enter");
    },
    text: async () => await lastAnswer.locator(".markdown").filter({ hasText: /\S/ }).evaluate(textOnceDrawn),
    phase: (name) => page.locator(`.turn:last-child[data-phase=${name}]`).waitFor(),
    stop: () => page.getByRole("button", { name: "Stop" }).click(),
    showNumbers: () => lastAnswer.getByRole("button", { name: "Show numbers" }).click(),
  };
}

/** Sends a message, and resolves with the text of its whole answer. */
export async function say(chat: ChatPage, text: string): Promise<string> {
  await chat.send(text);
  await chat.page.locator(".bubble").last().getByText(text, { exact: true }).waitFor();
  await chat.phase("done");
  return await chat.text();
}

export const button = (page: Page, name: string): Locator => page.getByRole("button", { name, exact: true });

/** Waits for the next frame if the text is empty: a new block outside of the view is not drawn, and has no inner text. */
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
