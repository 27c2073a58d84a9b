// Owns what a fake worker says to a page, word for word: the page's own request goes on to it with the marker that makes it say that.
import type { Page } from "playwright-core";

interface Asked {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

/** From now on every answer to this page is this text, a byte per token. */
export async function says(page: Page, text: string): Promise<void> {
  await directs(page, `[say:${encodeURIComponent(text)}]`);
}

/** Adds the fake model's markers to what is asked. */
export async function directs(page: Page, markers: string): Promise<void> {
  await page.unroute("**/v1/jobs");
  await page.route("**/v1/jobs", async (route) => {
    if (route.request().method() !== "POST") return await route.continue();
    const asked = route.request().postDataJSON() as Asked;
    const messages = asked.messages.map((message, i) =>
      i === asked.messages.length - 1 ? { ...message, content: `${message.content} ${markers}` } : message,
    );
    return await route.continue({ postData: JSON.stringify({ ...asked, messages }) });
  });
}
