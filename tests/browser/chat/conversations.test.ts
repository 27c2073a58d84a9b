// Shows that no message or answer is lost: with branches, drafts, other tabs, full disks, many conversations.
import { poll } from "@waggle/testing/harness";
import { GenerateRequestSchema } from "@waggle/protocol";
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";
import { openTab, visit } from "../support/browser.ts";
import { button, chatPage, say } from "../support/chat-page.ts";
import { conversationFile } from "../support/made-conversations.ts";
import { sharedWorker, useBrowser } from "../support/use-browser.ts";

const browser = useBrowser();
let url: string;
beforeAll(async () => void (url = (await sharedWorker()).url));

const bubbles = async (page: Page): Promise<string[]> => await page.locator(".bubble").allInnerTexts();
const entries = async (page: Page): Promise<string[]> =>
  await page.locator(".conversation-list .entry-title").allInnerTexts();

describe("a branch", () => {
  it("is kept when an answer is regenerated, or a message or answer is edited; only the shown branch is sent", async () => {
    const { page, complaints } = await visit(browser, url);
    const chat = chatPage(page);
    const first = await say(chat, "one [eog:5]");
    await button(page, "Regenerate").click();
    await page.getByText("2 of 2").waitFor();
    await chat.phase("done");
    await button(page, "Previous answer").focus();
    await page.keyboard.press("Enter");
    await page.getByText("1 of 2").waitFor();
    await chat.lastAnswer.getByText(first, { exact: true }).waitFor();
    expect(await button(page, "Previous answer").isDisabled()).toBe(true);

    await button(page, "Edit answer").click();
    await page.getByRole("textbox", { name: "Edit the answer" }).fill("My own words.");
    await button(page, "Save").click();
    await page.getByText("3 of 3").waitFor();
    await chat.lastAnswer.getByText("Edited").waitFor();

    const asked = page.waitForRequest((request) => request.method() === "POST");
    await chat.send("two [eog:4]");
    expect(GenerateRequestSchema.parse((await asked).postDataJSON())).toMatchObject({
      messages: [
        { role: "user", content: "one [eog:5]" },
        { role: "assistant", content: "My own words." },
        { role: "user", content: "two [eog:4]" },
      ],
      on_disconnect: "continue",
    });
    await chat.phase("done");

    await button(page, "Edit and send again").first().click();
    await page.getByRole("textbox", { name: "Edit the message" }).fill("other [eog:3]");
    await button(page, "Send again").click();
    await page.locator(".bubble").getByText("other [eog:3]").waitFor();
    await chat.phase("done");
    expect(await bubbles(page)).toEqual(["other [eog:3]"]);
    await button(page, "Previous message").click();
    expect(await bubbles(page)).toEqual(["one [eog:5]", "two [eog:4]"]);
    await page.reload();
    await page.getByText("two [eog:4]").waitFor();
    expect(await bubbles(page)).toEqual(["one [eog:5]", "two [eog:4]"]);
    await page.getByText("My own words.").waitFor();
    expect(complaints).toEqual([]);
  });
});

it("keeps an unsent edit over switching, branches and reload, until it is sent or cancelled", async () => {
  const { page } = await visit(browser, url);
  const chat = chatPage(page);
  await say(chat, "first [eog:2]");
  await button(page, "Edit and send again").click();
  const message = page.getByRole("textbox", { name: "Edit the message" });
  await message.fill("first, but longer [eog:2]");
  await button(page, "Edit answer").click();
  const answer = page.getByRole("textbox", { name: "Edit the answer" });
  await answer.fill("Half of what");
  await button(page, "New conversation").click();
  await answer.waitFor({ state: "detached" });
  await button(page, "first [eog:2]").click();
  expect(await message.inputValue()).toBe("first, but longer [eog:2]");
  expect(await answer.inputValue()).toBe("Half of what");
  await page.reload();
  await message.waitFor();
  expect(await message.inputValue()).toBe("first, but longer [eog:2]");
  expect(await answer.inputValue()).toBe("Half of what");
  await poll("the focus on the message box", () => chat.box.evaluate((box) => box === document.activeElement));

  await button(page, "Send again").click();
  await page.locator(".bubble").getByText("first, but longer [eog:2]", { exact: true }).waitFor();
  await chat.phase("done");
  await button(page, "Previous message").click();
  expect(await answer.inputValue()).toBe("Half of what");
  await answer.press("Escape");
  await answer.waitFor({ state: "detached" });
  await poll("the focus on the button for editing the answer", () =>
    button(page, "Edit answer").evaluate((edit) => edit === document.activeElement),
  );
  // The buttons for other versions stay next to an unsent edit.
  await button(page, "Edit and send again").click();
  await message.fill("given up");
  await button(page, "Next message").click();
  await page.locator(".bubble").getByText("first, but longer [eog:2]", { exact: true }).waitFor();
  await button(page, "Previous message").click();
  expect(await message.inputValue()).toBe("given up");
  await message.press("Escape");
  await page.reload();
  await page.locator(".bubble").getByText("first [eog:2]", { exact: true }).waitFor();
  expect(await page.getByRole("textbox", { name: /^Edit the/ }).count()).toBe(0);
});

it("shows the changes of each tab in all tabs", async () => {
  const first = await visit(browser, url);
  const a = chatPage(first.page);
  await say(a, "shared [eog:2]");
  const second = await openTab(first.context, first.page.url());
  const b = chatPage(second.page);
  await second.page.locator(".bubble").waitFor();
  await Promise.all([say(a, "from a [eog:2]"), rename(second.page, "shared [eog:2]", "Ours")]);
  await second.page.locator(".bubble").getByText("from a [eog:2]").waitFor();
  await say(b, "from b [eog:2]");
  await first.page.locator(".bubble").getByText("from b [eog:2]").waitFor();
  for (const page of [first.page, second.page]) {
    await page.reload();
    await page.getByText("from b [eog:2]").waitFor();
    expect(await bubbles(page)).toEqual(["shared [eog:2]", "from a [eog:2]", "from b [eog:2]"]);
    expect(await entries(page)).toEqual(["Ours"]);
  }
  expect([...first.complaints, ...second.complaints]).toEqual([]);
});

it("can be renamed, pinned, found by its words and shown at the hit", async () => {
  const { page } = await visit(browser, url);
  const chat = chatPage(page);
  await say(chat, "Crème brûlée, please [eog:2]");
  await say(chat, "something else [eog:2]");
  await button(page, "New conversation").click();
  await say(chat, "apples [eog:2]");
  await rename(page, "Crème brûlée, please [eog:2]", "Sweets");
  await button(page, "More for “Sweets”").click();
  await button(page, "Pin").click();
  await page.getByRole("region", { name: "Pinned" }).getByText("Sweets").waitFor();
  expect(await entries(page)).toEqual(["Sweets", "apples [eog:2]"]);
  await page.getByRole("searchbox", { name: "Search all conversations" }).fill("CREME");
  await page.getByText("Found in 1 conversation").waitFor();
  expect(await page.locator(".found mark").innerText()).toBe("Crème");
  await page.locator(".found").click();
  await page.locator(".turn.pointed").getByText("Crème brûlée, please [eog:2]").waitFor();
  await page.getByRole("searchbox").fill("nowhere to be found");
  await page.getByText("Nothing found").waitFor();
  await page.getByRole("searchbox").press("Escape");
  expect(await entries(page)).toEqual(["Sweets", "apples [eog:2]"]);
});

it("lists and searches a file of more than a thousand conversations completely", async () => {
  const { page, context } = await visit(browser, url);
  await page.getByLabel("File to import").setInputFiles(conversationFile(1_200));
  await page.getByText("Imported 1,200 conversations.").waitFor();
  await say(chatPage(page), "one more [eog:2]");
  const again = (await openTab(context, url)).page;
  await button(again, "one more [eog:2]").waitFor();
  expect((await entries(again)).length).toBeLessThan(200);
  await again.setViewportSize({ width: 1_200, height: 800 });
  const list = await again.locator(".conversation-list").boundingBox();
  const rows = await again.locator(".entry").evaluateAll((all) => all.map((row) => row.getBoundingClientRect().bottom));
  const end = (list?.y ?? 0) + (list?.height ?? 0);
  expect(rows.filter((bottom) => bottom <= end).length).toBeGreaterThanOrEqual(15);
  await again.getByRole("searchbox").fill("Lisbon (1198)");
  await again.getByText("Found in 1 conversation").waitFor();
  await again.locator(".found").click();
  await again.locator(".bubble").getByText("Ideas for a rainy Sunday in Lisbon (1198)").waitFor();
});

async function rename(page: Page, from: string, to: string): Promise<void> {
  await button(page, `More for “${from}”`).click();
  await button(page, "Rename").click();
  const box = page.getByRole("textbox", { name: "Name of the conversation" });
  await box.fill(to);
  await box.press("Enter");
  await button(page, to).waitFor();
}
