// Shows pictures in the chat: added by paste, drop and a button, scaled in the browser, shown, sent, edited, exported and removed with their messages.
import { readFile } from "node:fs/promises";
import { GenerateRequestSchema } from "@waggle/protocol";
import type { GenerateRequest, ModelStatus } from "@waggle/protocol";
import { madeUpPng } from "@waggle/testing";
import { poll } from "@waggle/testing/harness";
import type { Locator, Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";
import { openTab, visit } from "../support/browser.ts";
import { chooseModel, modelsButton } from "../support/choose-model.ts";
import { button, chatPage, say } from "../support/chat-page.ts";
import { openModelWorker, severalModels, statusesOf } from "../support/model-worker.ts";
import { problemsInLooks } from "../support/page-problems.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
let url: string;
// The fake backend sees if it has a projector, which need not exist.
beforeAll(async () => void (url = (await sharedWorker("--mmproj", "eye")).url));

interface Picked {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

const picked = (name: string, png: Uint8Array): Picked => ({
  name,
  mimeType: "image/png",
  buffer: Buffer.from(png),
});
const red = picked("red.png", madeUpPng(0xff0000, { width: 60, height: 40 }));
const blue = picked("blue.png", madeUpPng(0x0000ff, { width: 40, height: 60 }));
const green = picked("green.png", madeUpPng(0x00ff00, { width: 50, height: 50 }));

async function choose(page: Page, ...files: readonly Picked[]): Promise<void> {
  const choosing = page.waitForEvent("filechooser");
  await button(page, "Add pictures").click();
  await (await choosing).setFiles([...files]);
}

/** Drops or pastes a picture. The page listens to events once the message box has the focus. */
async function give(page: Page, how: "drop" | "paste", { name, buffer }: Picked): Promise<void> {
  await page.locator("#message:focus").waitFor();
  await page.locator("#message").evaluate(
    (box, given) => {
      const transfer = new DataTransfer();
      const bytes = Uint8Array.from(atob(given.base64), (character) => character.charCodeAt(0));
      transfer.items.add(new File([bytes], given.name, { type: "image/png" }));
      const options = { bubbles: true, cancelable: true };
      if (given.how === "paste") {
        box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, ...options }));
        return;
      }
      for (const event of ["dragenter", "drop"]) {
        box.dispatchEvent(new DragEvent(event, { dataTransfer: transfer, ...options }));
      }
    },
    { how, name, base64: buffer.toString("base64") },
  );
}

const chips = (page: Page): Locator => page.locator(".composer .files li");
const thumbs = (page: Page): Locator => page.locator(".message .picture-button img");

/** Waits until an image is drawn. */
async function drawn(image: Locator): Promise<void> {
  await image.evaluate((element) => (element as HTMLImageElement).decode());
}

/** Resolves with the page's next request for an answer. */
async function nextRequest(page: Page): Promise<GenerateRequest> {
  const request = await page.waitForRequest((asked) => asked.url().endsWith("/v1/jobs") && asked.method() === "POST");
  return GenerateRequestSchema.parse(request.postDataJSON());
}

const image = ({ buffer }: Picked): object => ({
  type: "image_url",
  image_url: { url: `data:image/png;base64,${buffer.toString("base64")}` },
});
const words = (text: string): object => ({ type: "text", text });

describe("pictures", () => {
  it("are added by button, drop and paste, removed before sending, kept over a reload, sent, and shown large", async () => {
    const { page, complaints, requests } = await visit(browser, url);
    const chat = chatPage(page);
    await choose(page, red);
    await give(page, "drop", blue);
    await give(page, "paste", green);
    await chips(page).nth(2).getByText("50 × 50 pixels").waitFor();
    await button(page, "Remove blue.png").click();
    expect(await chips(page).count()).toBe(2);
    await chat.box.fill("What is on them?");
    await page.reload();
    await chips(page).nth(1).locator("img").waitFor();
    expect(await chat.box.inputValue()).toBe("What is on them?");
    const asked = nextRequest(page);
    await chat.send("What do you see? [eog:4]");
    const content = [image(red), image(green), words("What do you see? [eog:4]")];
    expect((await asked).messages).toEqual([{ role: "user", content }]);
    await chat.phase("done");
    expect(await chips(page).count()).toBe(0);

    await page.reload();
    await drawn(thumbs(page).nth(1));
    await button(page, "Show red.png large").focus();
    await page.keyboard.press("Enter");
    const large = page.getByRole("dialog", { name: "red.png" });
    await drawn(large.getByRole("img", { name: "red.png" }));
    await page.keyboard.press("Escape");
    await large.waitFor({ state: "detached" });
    await poll("the focus on the picture", () =>
      button(page, "Show red.png large").evaluate((element) => element === document.activeElement),
    );
    const next = nextRequest(page);
    await chat.send("And now? [eog:4]");
    expect((await next).messages?.[0]).toEqual({ role: "user", content });
    await chat.phase("done");
    expect(requests.filter((address) => !address.startsWith(url) && !address.startsWith(`blob:${url}`))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it("that are large are scaled down in the browser, and formats that the worker does not read are converted", async () => {
    const { page, complaints } = await visit(browser, url);
    const photo = picked("photo.png", madeUpPng(0x336699, { width: 3_000, height: 2_000 }));
    await choose(page, photo);
    await chips(page)
      .getByText(/2,449 × 1,632 pixels \(scaled down\)/)
      .waitFor();
    const bitmap = { name: "old.bmp", mimeType: "image/bmp", buffer: madeUpBitmap() };
    await choose(page, bitmap);
    await chips(page)
      .nth(1)
      .getByText(/2 × 1 pixels/)
      .waitFor();
    const asked = nextRequest(page);
    await button(page, "Send").click();
    const [message] = (await asked).messages ?? [];
    const urls =
      typeof message?.content === "string"
        ? []
        : message?.content?.map((part) => part.type === "image_url" && part.image_url.url);
    expect(urls?.[0]).toMatch(/^data:image\/png;base64,iVBORw0KGgo/);
    expect(urls?.[1]).toMatch(/^data:image\/webp;base64,/);
    await chatPage(page).phase("done");
    expect(complaints).toEqual([]);
  });

  it("that the browser cannot read are refused, each with its reason", async () => {
    const { page } = await visit(browser, url);
    await choose(page, picked("torn.png", red.buffer.subarray(0, 20)));
    await page.getByRole("alert").getByText("Cannot attach torn.png: the browser cannot read this picture.").waitFor();
    await button(page, "Dismiss").click();
    await choose(page, {
      ...red,
      name: "huge.png",
      buffer: Buffer.concat([red.buffer, Buffer.alloc(5 * 1024 * 1024)]),
    });
    // Bytes after the picture do not matter: it is drawn again.
    await chips(page).getByText("60 × 40 pixels").waitFor();
  });

  it("stay with their message when it is edited, unless they are removed, and when an answer is requested again", async () => {
    const { page, complaints } = await visit(browser, url);
    const chat = chatPage(page);
    await choose(page, red, blue);
    await chips(page).nth(1).getByText("40 × 60 pixels").waitFor();
    await say(chat, "Look. [eog:4]");
    let asked = nextRequest(page);
    await button(page, "Regenerate").click();
    expect((await asked).messages?.[0]?.content).toEqual([image(red), image(blue), words("Look. [eog:4]")]);
    await chat.phase("done");
    await button(page, "Edit and send again").click();
    await button(page, "Remove red.png").click();
    await page.getByLabel("Edit the message").fill("Only this. [eog:4]");
    await page.reload();
    await button(page, "Remove blue.png").waitFor();
    expect(await button(page, "Remove red.png").count()).toBe(0);
    asked = nextRequest(page);
    await button(page, "Send again").click();
    expect((await asked).messages?.[0]?.content).toEqual([image(blue), words("Only this. [eog:4]")]);
    await chat.phase("done");
    await drawn(thumbs(page));
    await button(page, "Previous message").click();
    await drawn(thumbs(page).nth(1));
    await button(page, "Edit and send again").click();
    await button(page, "Remove blue.png").click();
    await button(page, "Cancel").click();
    await drawn(thumbs(page).nth(1));
    expect(complaints).toEqual([]);
  });

  it("are exported and imported with their conversation", async () => {
    const { page, complaints } = await visit(browser, url);
    const chat = chatPage(page);
    await choose(page, red);
    await chips(page).getByText("60 × 40 pixels").waitFor();
    await say(chat, "Look. [eog:4]");
    await button(page, "Export").click();
    const exporting = button(page, "All as JSON, to import").click();
    const [download] = await Promise.all([page.waitForEvent("download"), exporting]);
    const buffer = await readFile(await download.path());
    const elsewhere = (await visit(browser, url)).page;
    await elsewhere
      .getByLabel("File to import")
      .setInputFiles({ name: "bees.json", mimeType: "application/json", buffer });
    await elsewhere.getByText("Imported 1 conversation.").waitFor();
    await elsewhere.reload();
    await button(elsewhere, "Look. [eog:4]").click();
    await drawn(thumbs(elsewhere));
    const asked = nextRequest(elsewhere);
    await button(elsewhere, "Regenerate").last().click();
    expect((await asked).messages?.at(-1)?.content).toEqual([image(red), words("Look. [eog:4]")]);
    expect(complaints).toEqual([]);
  });

  it("without room in the browser are sent, and their message is kept", async () => {
    const { page, context } = await visit(browser, url);
    const chat = chatPage(page);
    // Simulates a disk with room for texts only, because chromium's quota cannot be set that exactly.
    await page.evaluate(() => {
      const put = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = function (this: IDBObjectStore, ...given) {
        if (this.name === "pictures") throw new DOMException("The quota has been exceeded.", "QuotaExceededError");
        return put.apply(this, given);
      };
    });
    await choose(page, red);
    await page
      .getByRole("alert")
      .getByText(/Cannot keep pictures: The quota has been exceeded\./)
      .waitFor();
    const asked = nextRequest(page);
    await chat.send("Look. [eog:4]");
    expect((await asked).messages?.[0]?.content).toEqual([image(red), words("Look. [eog:4]")]);
    await chat.phase("done");
    await drawn(thumbs(page));
    await page
      .getByRole("alert")
      .getByText(/Cannot keep pictures/)
      .waitFor();
    const later = (await openTab(context, page.url())).page;
    await later.locator(".bubble").getByText("Look. [eog:4]").waitFor();
    await later.getByText("Not kept by this browser").waitFor();
    const again = nextRequest(later);
    await button(later, "Regenerate").click();
    expect((await again).messages?.[0]?.content).toEqual([
      words("[A picture that is no longer available]"),
      words("Look. [eog:4]"),
    ]);
  });
});

describe("a model that cannot see", () => {
  it("has no button for pictures, and refuses a dropped picture with the reason", async () => {
    const blind = await sharedWorker();
    const { page, complaints } = await visit(browser, blind.url);
    await page.getByText("fake backend: no model").waitFor();
    expect(await button(page, "Add pictures").count()).toBe(0);
    const files = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["words"], "bees.md"));
      return transfer;
    });
    await page.dispatchEvent("main", "dragenter", { dataTransfer: files });
    await page.getByText("Drop text files and PDFs to attach them (waggle-fake cannot see pictures)").waitFor();
    await page.dispatchEvent("main", "dragleave", { dataTransfer: files });
    await chatPage(page).box.focus();
    await give(page, "drop", red);
    const refusal = page.getByRole("alert");
    await refusal.getByText("Cannot attach red.png: the model waggle-fake cannot see pictures.").waitFor();
    expect(await chips(page).count()).toBe(0);
    expect(await button(page, "Send").isDisabled()).toBe(true);
    expect(complaints).toEqual([]);
  });

  it("is named when it is chosen for a conversation with pictures", async () => {
    const { small, large } = severalModels();
    const vision = { projector: "eye", bytes: 1, max_pixels: 10_000 };
    const blind: ModelStatus = { ...large, kind: "generate", state: "ready" };
    await using several = await openModelWorker(url, statusesOf([{ ...small, vision }, blind]));
    const { page, complaints } = await visit(browser, several.url);
    await modelsButton(page).waitFor();
    // 10,000 pixels: the model's limit.
    await choose(page, picked("photo.png", madeUpPng(0x336699, { width: 400, height: 100 })));
    await chips(page).getByText("200 × 50 pixels (scaled down)").waitFor();
    await say(chatPage(page), "Look. [eog:4]");
    expect(await page.locator(".blind").count()).toBe(0);
    await chooseModel(page, "bee-large");
    await page
      .getByRole("status")
      .getByText(/^bee-large cannot see pictures\./)
      .waitFor();
    await chooseModel(page, "bee-small");
    await page.locator(".blind").waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
  });
});

describe("the page with pictures", () => {
  it("is accessible and fits", async () => {
    const { page, complaints } = await visit(browser, url);
    const wide = picked(`a-${"long-".repeat(30)}name.png`, madeUpPng(0x884422, { width: 900, height: 200 }));
    await choose(page, red);
    await chips(page).getByText("60 × 40 pixels").waitFor();
    await say(chatPage(page), "Look at this. [eog:4]");
    await choose(page, green, wide, blue);
    await chips(page).nth(2).locator("img").waitFor();
    const check = async (): Promise<void> => {
      // Ends with the width of a phone.
      expect(await problemsInLooks(page)).toEqual([]);
      expect(await smallButtons(page)).toEqual([]);
    };
    await check();
    await button(page, "Show red.png large").click();
    await drawn(page.getByRole("dialog").getByRole("img"));
    await check();
    await button(page, "Close").click();
    await button(page, "Edit and send again").click();
    await button(page, "Remove red.png").waitFor();
    await check();
    expect(complaints).toEqual([]);
  });
});

/** Buttons of the message box and of pictures that are smaller than a finger needs: 40 pixels. */
async function smallButtons(page: Page): Promise<string[]> {
  return await page.locator(".composer button, .sent-pictures button, .picture-dialog button").evaluateAll((buttons) =>
    buttons
      .map((element) => ({ name: element.ariaLabel ?? "", rectangle: element.getBoundingClientRect() }))
      // A rectangle's edges are rounded to single precision: 40 pixels can be 39.99998.
      .filter(({ rectangle: { width, height } }) => Math.min(width, height) < 39.99)
      .map(({ name, rectangle: { width, height } }) => `${name}: ${width} × ${height}`),
  );
}

/** A bitmap of 2 by 1 pixels, a format that browsers read and the worker does not. */
function madeUpBitmap(): Buffer {
  const file = Buffer.alloc(62);
  file.write("BM", 0, "latin1");
  file.writeUInt32LE(file.length, 2);
  file.writeUInt32LE(54, 10);
  file.writeUInt32LE(40, 14);
  file.writeInt32LE(2, 18);
  file.writeInt32LE(1, 22);
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(24, 28);
  file.writeUInt32LE(8, 34);
  return file;
}
