// A newcomer in a browser: signs in with the key, makes a cluster, sees it run, makes a topic, gives the cluster more brokers, sees what
// its partitions lack while one of them is away, restarts it and replaces a broker.
// usage: node first-cluster.mjs BASE_URL KEY NAME SCREENSHOT_DIR CLUSTERS_DIR
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [base, key, name, shots, clusters] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), "headrace-e2e-chromium-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  viewport: { width: 1280, height: 900 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const problems = [];
const page = context.pages()[0] ?? (await context.newPage());
page.setDefaultTimeout(30_000);
page.on("pageerror", (e) => problems.push(`page error: ${e}`));
page.on("request", (r) => { if (!r.url().startsWith(base) && !r.url().startsWith("data:") && !r.url().startsWith("blob:")) problems.push(`outside request: ${r.url()}`); });
page.on("console", (m) => { if (m.type() === "error" && !/status of 4\d\d/.test(m.text())) problems.push(`console: ${m.text()}`); });
const shot = (what) => page.screenshot({ path: join(shots, `${what}.png`) });

try {
  await page.goto(base);
  await page.getByLabel("API key", { exact: true }).fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").first().waitFor();
  await page.getByLabel("API key", { exact: true }).fill(key);
  await page.keyboard.press("Enter");
  const create = page.getByRole("link", { name: "Create cluster" }).or(page.getByRole("button", { name: "Create cluster" })).first();
  await create.waitFor();
  await shot("clusters");
  await create.click();

  await page.getByLabel("Name", { exact: true }).fill("Not a name!");
  await page.getByRole("button", { name: "Create cluster" }).click();
  await page.getByText(/lower-case/i).first().waitFor();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Create cluster" }).click();

  // The operation's steps appear and finish as they happen, and the cluster's state follows without a reload.
  await page.waitForURL(`**/clusters/${name}?operation=*`);
  await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
  await page.getByRole("list", { name: "Steps" }).getByRole("listitem").first().waitFor();
  await shot("operation");
  await page.waitForFunction(() => document.querySelector('[role="progressbar"][aria-label="Progress"]')?.getAttribute("aria-valuenow") === "100");
  await page.getByRole("status").filter({ hasText: /^running$/ }).waitFor();
  await page.getByText(/127\.0\.0\.1:\d+/).first().waitFor();
  await shot("cluster");
  await page.getByRole("tab", { name: "Topics" }).or(page.getByRole("link", { name: "Topics" })).first().click();
  const topic = page.getByRole("link", { name: "Create topic" }).or(page.getByRole("button", { name: "Create topic" })).first();
  await topic.click();
  await page.getByLabel("Name", { exact: true }).fill("from-the-browser");
  await page.getByRole("button", { name: "Create topic" }).last().click();
  await page.getByRole("link", { name: "from-the-browser" }).or(page.getByRole("heading", { name: "from-the-browser" })).first().waitFor();
  await shot("topics");

  await page.getByRole("tab", { name: "Brokers" }).click();
  await page.getByRole("button", { name: "Scale" }).click();
  await page.getByRole("dialog").getByLabel("Brokers", { exact: true }).fill("3");
  await page.getByText(/any one broker may fail/).waitFor();
  await shot("scale");
  await page.getByRole("button", { name: "Add 2 brokers" }).click();
  await page.waitForURL(`**/clusters/${name}/brokers?operation=*`);
  await page.waitForFunction(() => document.querySelector('[role="progressbar"][aria-label="Progress"]')?.getAttribute("aria-valuenow") === "100", null, { timeout: 120_000 });
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 3 && document.body.innerText.split("running").length > 3);
  await shot("brokers");
  await page.getByRole("tab", { name: "Overview" }).click();
  await page.getByText("Every replica is in sync.").waitFor();
  await shot("partitions");

  await page.getByRole("tab", { name: "Topics" }).click();
  await page.getByRole("button", { name: "Create topic" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill("of-three");
  await page.getByRole("button", { name: "Create topic" }).last().click();
  await page.getByRole("link", { name: "of-three" }).or(page.getByRole("heading", { name: "of-three" })).first().waitFor();
  await page.getByRole("tab", { name: "Topics" }).click();
  // Stopped, not killed: the service starts another at once where a process has ended.
  const id = (await page.request.get(`${base}/v1/clusters/${name}`, { headers: { authorization: `Bearer ${key}` } }).then((r) => r.json())).id;
  const pid = Number(readFileSync(join(clusters, id, "broker-3", "broker.pid"), "utf8"));
  process.kill(pid, "SIGSTOP");
  try {
    await page.getByRole("row", { name: /of-three/ }).getByText(/partitions? under-replicated/).waitFor();
    await shot("topics-lacking");
    await page.getByRole("link", { name: "of-three" }).click();
    await page.getByTitle("broker 3: not in sync").first().waitFor();
    await shot("topic-lacking");
    await page.getByRole("tab", { name: "Overview" }).click();
    await page.getByRole("status").getByText(/partitions? under-replicated/).waitFor();
    await page.getByText("(missing: 3)").waitFor();
    await shot("partitions-lacking");
    await page.getByRole("tab", { name: "Brokers" }).click();
    await page.getByRole("row", { name: /^3 / }).getByText("fenced").waitFor();
    await shot("brokers-lacking");
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await page.getByRole("tab", { name: "Overview" }).click();
  await page.getByText("Every replica is in sync.").waitFor();
  await page.getByRole("status").filter({ hasText: /^running$/ }).waitFor();

  await page.getByRole("tab", { name: "Settings" }).click();
  await page.getByRole("button", { name: "Restart brokers" }).click();
  await page.waitForURL("**/operations/*");
  await page.waitForFunction(() => document.querySelector('[role="progressbar"][aria-label="Progress"]')?.getAttribute("aria-valuenow") === "100", null, { timeout: 120_000 });
  await shot("restarted");

  await page.goBack();
  await page.getByLabel("Broker", { exact: true }).selectOption("2");
  await page.getByRole("button", { name: "Replace", exact: true }).click();
  await page.getByLabel("Type broker 2 to confirm").fill("broker 2");
  await shot("replace");
  await page.getByRole("button", { name: "Replace broker" }).click();
  await page.waitForURL("**/operations/*");
  await page.waitForFunction(() => document.querySelector('[role="progressbar"][aria-label="Progress"]')?.getAttribute("aria-valuenow") === "100", null, { timeout: 120_000 });
  await shot("replaced");
} catch (e) {
  await shot("failed");
  problems.push(String(e));
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}
if (problems.length) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log("signed in, made a cluster, saw it run, made a topic, gave it more brokers, saw one away, restarted it, replaced a broker");
