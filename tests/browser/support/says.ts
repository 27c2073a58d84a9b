// Sets the text of a fake worker's answers, by adding the fake model's markers to the page's requests.
import type { Page } from "playwright-core";

interface Asked {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

/** All answers to the page have this text, one byte per token. */
export async function says(page: Page, text: string): Promise<void> {
  await directs(page, `[say:${encodeURIComponent(text)}]`);
}

/** Adds markers to the last message of each request. */
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
