// Shows the chat in a real browser, served by a real worker.
import { logged, openProxy, poll } from "@waggle/testing/harness";
import { GenerateRequestSchema } from "@waggle/protocol";
import type { GenerateRequestInput } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { spawnDaemon, spawnFakeWorker, spawnModelWorker } from "../../support/daemon.ts";
import { openTab, visit } from "../support/browser.ts";
import { chatPage, say } from "../support/chat-page.ts";
import { useBrowser } from "../support/use-browser.ts";

const browser = useBrowser({ daemons: "each test" });

/** Steps slow enough to observe an answer while it streams. */
const slow = ["--fake-step-delay", "30ms"];
/** `[eog:30]` ends an answer with its 31st token, the end token without text. Without the marker, an answer does not end during a test. */
const endless = "tell me everything";

async function busySlots(url: string): Promise<number> {
  const { slots } = (await (await fetch(`${url}/v1/slots`)).json()) as { slots: { state: string }[] };
  return slots.filter(({ state }) => state !== "idle").length;
}

describe("an answer", () => {
  it("shows the progress of the prompt until the first token, then streams with its figures", async () => {
    const worker = await spawnFakeWorker([...slow, "--prefill-budget", "16"]);
    await using proxy = await openProxy(worker.url);
    const { page, complaints } = await visit(browser, proxy.url);
    const chat = chatPage(page);
    // Held streams show each phase until the test has seen it, however slow the machine is.
    proxy.hold('"prompt_progress"');
    await chat.send(`${"A long prompt takes its time. ".repeat(20)} [eog:30]`);
    const reading = page.getByText(/Reading the conversation \(\d+ %\)…/);
    await reading.waitFor();
    // A rate is shown once tokens have come for half a second.
    proxy.hold("id: 20\n");
    await chat.phase("streaming");
    expect(await reading.count()).toBe(0);
    expect(await chat.text()).not.toBe("");
    await chat.showNumbers();
    await chat.lastAnswer.getByText(/tokens\/s/).waitFor();
    await chat.lastAnswer.getByText(/first token after/).waitFor();
    proxy.release();
    await chat.phase("done");
    await chat.lastAnswer.getByText(/^31 tokens · .* tokens\/s · first token after/).waitFor();
    expect(complaints).toEqual([]);
  });

  it("that is stopped keeps its text, frees its slot, and shows no error", async () => {
    const worker = await spawnFakeWorker(slow);
    const { page, complaints } = await visit(browser, worker.url);
    const chat = chatPage(page);
    await chat.send(endless);
    await chat.phase("streaming");
    await chat.stop();
    await chat.phase("stopped");
    const partial = await chat.text();
    expect(partial).not.toBe("");
    await poll("all slots to be free", async () => (await busySlots(worker.url)) === 0);
    expect(await chat.text()).toBe(partial);
    expect(await page.getByRole("alert").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it("shows its queue position while all slots are busy", async () => {
    const worker = await spawnFakeWorker([...slow, "--slots", "1"]);
    for (let i = 0; i < 3; i++)
      await worker.client.createJob({ prompt: endless, on_disconnect: "continue", priority: 5 });
    const { page } = await visit(browser, worker.url);
    const chat = chatPage(page);
    await chat.send(endless);
    await page.getByText("Waiting (3rd in line)").waitFor();
    await chat.stop();
    await chat.phase("stopped");
  });

  it("shows that the model is still loading, and starts afterwards", async () => {
    const flags = ["--local-mode", "--port", "0", "--backend", "fake", "--fake-load-delay", "10s"];
    const worker = await spawnDaemon("worker", flags);
    // The engine stands still until the page has shown that it loads: a slow machine opens the page only after seconds.
    const { engine_pid: engine } = await worker.log.line("the engine", logged("engine_start"));
    process.kill(Number(engine), "SIGSTOP");
    const { page, complaints } = await visit(browser, worker.url);
    const chat = chatPage(page);
    await chat.send("hello [eog:5]");
    await chat.lastAnswer.getByText("Loading the model…").waitFor();
    const loading = page.locator("header").getByText("loading", { exact: true });
    await loading.waitFor();
    process.kill(Number(engine), "SIGCONT");
    await chat.phase("done");
    await loading.waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
  });

  it("shows HTML and scripts of a model as text", async () => {
    const worker = await spawnModelWorker();
    const { page, complaints } = await visit(browser, worker.url);
    const evil = `<script>document.title = 'taken'</script><img src=x onerror=alert(1)> <b>bold</b> [go](javascript:alert(1))`;
    // The real model writes exactly this text: the test adds a grammar to the page's request.
    await page.route("**/v1/jobs", async (route) => {
      const asked = route.request().postDataJSON() as GenerateRequestInput;
      const grammar = `root ::= ${JSON.stringify(`${evil}\n\n${evil}`)}`;
      await route.continue({ postData: JSON.stringify({ ...asked, grammar }) });
    });
    const chat = chatPage(page);
    const shown = await say(chat, "Who are you?");
    expect(shown).toContain("<script>document.title = 'taken'</script>");
    expect(shown).toContain("<img src=x onerror=alert(1)>");
    expect(await chat.lastAnswer.locator("script, img, b, a").count()).toBe(0);
    expect(await page.title()).not.toBe("taken");
    expect(complaints).toEqual([]);
  });

  it("shows markdown, and offers a copy of its code", async () => {
    const worker = await spawnModelWorker();
    const { page, context } = await visit(browser, worker.url);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const text =
      "## Title\n\n- **one**\n- two\n\n```js\nlet a = 1 < 2;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[bees](https://bees.example)";
    await page.route("**/v1/jobs", async (route) => {
      const asked = route.request().postDataJSON() as GenerateRequestInput;
      await route.continue({ postData: JSON.stringify({ ...asked, grammar: `root ::= ${JSON.stringify(text)}` }) });
    });
    const chat = chatPage(page);
    await say(chat, "Who are you?");
    await chat.lastAnswer.getByRole("heading", { name: "Title" }).waitFor();
    expect(await chat.lastAnswer.getByRole("listitem").allInnerTexts()).toEqual(["one", "two"]);
    expect(await chat.lastAnswer.getByRole("cell").allInnerTexts()).toEqual(["1", "2"]);
    expect(await chat.lastAnswer.getByRole("link").getAttribute("rel")).toContain("noopener");
    await chat.lastAnswer.getByRole("button", { name: "Copy code" }).click();
    await chat.lastAnswer.getByRole("button", { name: "Copied" }).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("let a = 1 < 2;");
  });
});

describe("a conversation", () => {
  it("shows no more of answer A when message B follows after 100 ms, and no error", async () => {
    const worker = await spawnFakeWorker(slow);
    const { page, complaints } = await visit(browser, worker.url);
    const chat = chatPage(page);
    await chat.send("first");
    // On a busy machine, the first token of A may take longer than 100 ms.
    await Promise.all([
      page.waitForTimeout(100),
      chat.answers.first().locator(".markdown").filter({ hasText: /[a-z]/ }).waitFor(),
    ]);
    await chat.send("second [unicode] [eog:40]");
    const before = await chat.answers.first().innerText();
    await chat.phase("done");
    // Answers A and B have no words in common, so a word of A in B would be found.
    expect(before).toMatch(/[a-z]/);
    expect((await chat.text()).replaceAll(/né|für/g, "")).not.toMatch(/[a-z]{2}/);
    expect(await chat.answers.first().innerText()).toBe(before);
    expect(await chat.answers.count()).toBe(2);
    expect(await page.getByRole("alert").count()).toBe(0);
    expect(complaints).toEqual([]);
    await poll("all slots to be free", async () => (await busySlots(worker.url)) === 0);
  });

  it("continues while another conversation streams in a second tab", async () => {
    const worker = await spawnFakeWorker(slow);
    const first = await visit(browser, worker.url);
    const second = await openTab(first.context, worker.url);
    const [a, b] = [chatPage(first.page), chatPage(second.page)];
    await Promise.all([a.send("one [unicode]"), b.send("two")]);
    await Promise.all([a.phase("streaming"), b.phase("streaming")]);
    expect(await busySlots(worker.url)).toBe(2);
    await b.stop();
    await b.phase("stopped");
    expect(await b.text()).toMatch(/^[a-z ]+$/);
    const length = (await a.text()).length;
    await poll("more text", async () => (await a.text()).length > length);
    await a.stop();
    await a.phase("stopped");
    expect([...first.complaints, ...second.complaints]).toEqual([]);
  });

  it("sends its messages, system prompt and sampling, and sends an edited message again", async () => {
    const worker = await spawnFakeWorker();
    const { page } = await visit(browser, worker.url);
    const chat = chatPage(page);
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByLabel("System prompt").fill("You are a bee.");
    await page.getByLabel("Temperature").fill("0.5");
    await page.getByLabel("Max tokens").fill("7");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await say(chat, "hello");
    await chat.lastAnswer.getByText("Cut off at max tokens").waitFor();
    const asked = page.waitForRequest((request) => request.method() === "POST");
    await page.getByRole("button", { name: "Edit and send again" }).click();
    await page.getByRole("textbox", { name: "Edit the message" }).fill("good evening [eog:3]");
    await page.getByRole("button", { name: "Send again" }).click();
    expect(GenerateRequestSchema.parse((await asked).postDataJSON())).toMatchObject({
      messages: [
        { role: "system", content: "You are a bee." },
        { role: "user", content: "good evening [eog:3]" },
      ],
      temperature: 0.5,
      max_tokens: 7,
      on_disconnect: "continue",
    });
    await chat.phase("done");
    expect(await page.locator(".bubble").allInnerTexts()).toEqual(["good evening [eog:3]"]);
    expect(await chat.answers.count()).toBe(1);
  });

  it("is stored, listed, shown again and deleted", async () => {
    const worker = await spawnFakeWorker();
    const { page } = await visit(browser, worker.url);
    const chat = chatPage(page);
    await say(chat, "about apples [eog:2]");
    await page.getByRole("button", { name: "New conversation" }).click();
    expect(await chat.answers.count()).toBe(0);
    await say(chat, "about pears [eog:2]");
    await page.reload();
    await page.locator(".bubble").getByText("about pears [eog:2]").waitFor();
    await page.getByRole("button", { name: "about apples [eog:2]", exact: true }).click();
    await page.locator(".bubble").getByText("about apples [eog:2]").waitFor();
    expect(await page.locator(".bubble").count()).toBe(1);
    await page.getByRole("button", { name: "Delete “about apples [eog:2]”" }).click();
    await page.getByText("Deleted “about apples [eog:2]”").waitFor();
    await page.locator(".bubble").waitFor({ state: "detached" });
    expect(await page.locator(".entry").count()).toBe(1);
  });

  it("leaves out its oldest messages when the context is full, with a notice", async () => {
    const worker = await spawnFakeWorker(["--context-size", "256"]);
    const { page } = await visit(browser, worker.url);
    const chat = chatPage(page);
    await say(chat, `${"apples ".repeat(20)}[eog:5]`);
    await say(chat, `${"pears ".repeat(20)}[eog:5]`);
    await chat.lastAnswer.getByText("Earlier messages left out because the context is full: 2.").waitFor();
  });
});

describe("a first visit", () => {
  it("offers three prompts for the model, and sends the chosen one", async () => {
    const worker = await spawnModelWorker();
    const { page } = await visit(browser, worker.url);
    const suggestion = page.getByRole("button", { name: "Tell me a story about a dog and a ball." });
    await suggestion.waitFor();
    expect(await page.locator(".suggestion").count()).toBe(3);
    await suggestion.click();
    await chatPage(page).phase("done");
    expect((await chatPage(page).text()).length).toBeGreaterThan(50);
  });

  it("works without a mouse: write, send, stop, edit, send again", async () => {
    const worker = await spawnFakeWorker(slow);
    const { page } = await visit(browser, worker.url);
    const chat = chatPage(page);
    // The page puts the focus into the message box when it is drawn.
    await page.waitForFunction(() => document.activeElement instanceof HTMLTextAreaElement);
    await page.keyboard.type(endless);
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("and more");
    await page.keyboard.press("Enter");
    await chat.phase("streaming");
    expect(await page.locator(".bubble").innerText()).toBe(`${endless}\nand more`);
    await page.keyboard.press("Escape");
    await chat.phase("stopped");
    const edit = page.getByRole("button", { name: "Edit and send again" });
    for (let i = 0; i < 15 && !(await isFocused(edit)); i++) await page.keyboard.press("Shift+Tab");
    expect(await isFocused(edit)).toBe(true);
    await page.keyboard.press("Enter");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("in short [eog:2]");
    await page.keyboard.press("Enter");
    await chat.phase("done");
    expect(await page.locator(".bubble").innerText()).toBe("in short [eog:2]");
  });
});

async function isFocused(locator: ReturnType<typeof chatPage>["box"]): Promise<boolean> {
  return await locator.evaluate((element) => element === document.activeElement);
}
