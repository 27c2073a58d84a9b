// Shows files attached to a message: read in the browser, counted by the worker, sent as text, kept with the message.
import { GenerateRequestSchema } from "@waggle/protocol";
import type { Page, Route } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";
import { visit } from "../support/browser.ts";
import { chatPage } from "../support/chat-page.ts";
import { madePdf } from "../support/made-pdf.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
let url: string;
beforeAll(async () => void (url = (await sharedWorker()).url));

interface Picked {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

const notes: Picked = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("The hive is full.\n") };
const report: Picked = {
  name: "report.pdf",
  mimeType: "application/pdf",
  buffer: madePdf({ pages: ["First page of the report", "Second page"] }),
};

async function attach(page: Page, ...files: readonly Picked[]): Promise<void> {
  const choosing = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Attach files" }).click();
  await (await choosing).setFiles([...files]);
}

/** Resolves with the last message of the page's next job. */
async function nextMessage(page: Page): Promise<unknown> {
  const request = await page.waitForRequest((asked) => asked.url().endsWith("/v1/jobs") && asked.method() === "POST");
  return GenerateRequestSchema.parse(request.postDataJSON()).messages?.at(-1)?.content;
}

describe("files", () => {
  it("are read in the browser, counted by the worker, sent as text, and kept with the message", async () => {
    const { page, complaints, requests } = await visit(browser, url);
    const chat = chatPage(page);
    await attach(page, notes, report, { ...notes, name: "not-this.txt" });
    const chips = page.getByRole("list", { name: "Attached files" }).getByRole("listitem");
    await chips
      .nth(0)
      .getByText(/^18 B · \d+ tokens$/)
      .waitFor();
    await chips
      .nth(1)
      .getByText(/^\d+ B · 2 pages · \d+ tokens$/)
      .waitFor();
    await page.getByRole("button", { name: "Remove not-this.txt" }).click();
    expect(await chips.count()).toBe(2);
    await page.reload();
    await chips
      .nth(1)
      .getByText(/^\d+ B · 2 pages · \d+ tokens$/)
      .waitFor();
    const message = nextMessage(page);
    await chat.send("What do they say? [eog:4]");
    expect(await message).toBe(
      "File: notes.txt\n```\nThe hive is full.\n```\n\nFile: report.pdf\n```\nFirst page of the report\n\nSecond page\n```\n\nWhat do they say? [eog:4]",
    );
    await chat.phase("done");
    expect(await page.locator(".composer").getByRole("listitem").count()).toBe(0);

    await page.reload();
    expect(await page.locator(".composer").getByRole("listitem").count()).toBe(0);
    const sent = page.locator(".message");
    await sent.getByText("What do they say? [eog:4]").waitFor();
    expect(await sent.getByText("First page of the report").count()).toBe(0);
    await sent.getByText("report.pdf").click();
    await sent.getByText("First page of the report").waitFor();
    expect(requests.filter((address) => !address.startsWith(url))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it("that are still being read stay with their conversation when another conversation is shown", async () => {
    const { page, complaints } = await visit(browser, url);
    // The request for the PDF reader waits until the test continues it.
    const held = new Promise<Route>((resolve) => void page.route(/\/read-pdf-[^/]*\.js$/, resolve));
    await attach(page, report);
    await chatPage(page).box.fill("What does it say?");
    await page.locator(".suggestion").first().click();
    await page.locator(".answer").waitFor();
    await page.getByText("Reading…").waitFor();
    await page.getByRole("button", { name: "New conversation" }).click();
    const counted = page.waitForResponse((response) => response.url().endsWith("/tokenize"));
    await (await held).continue();
    await counted;
    expect(await page.locator(".composer").getByRole("listitem").count()).toBe(0);
    await page.locator(".entry-title").click();
    await page.getByText(/^\d+ B · 2 pages · \d+ tokens$/).waitFor();
    expect(await chatPage(page).box.inputValue()).toBe("What does it say?");
    expect(complaints).toEqual([]);
  });

  it("that are PDFs without readable text are refused, each with its reason", async () => {
    const { page, complaints } = await visit(browser, url);
    const refusal = page.getByRole("alert");
    const cases: readonly [Picked, string][] = [
      [
        { name: "scan.pdf", mimeType: "application/pdf", buffer: madePdf({ pages: ["", ""] }) },
        "Cannot attach scan.pdf: it has no text layer;",
      ],
      [
        { name: "locked.pdf", mimeType: "application/pdf", buffer: madePdf({ pages: ["secret"], locked: true }) },
        "Cannot attach locked.pdf: it is protected by a password.",
      ],
      [
        { name: "torn.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.7\nnothing more") },
        "Cannot attach torn.pdf: it is damaged or not a PDF.",
      ],
    ];
    for (const [file, sentence] of cases) {
      await attach(page, file);
      await refusal.getByText(sentence).waitFor();
      await refusal.getByRole("button", { name: "Dismiss" }).click();
      expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
    }
    expect(complaints).toEqual([]);
  });
});
