// Parts of a page that follow what happens: the page is asked for again, and what is
// marked data-live takes its new form. Without this script one loads it again oneself.

const PACE = 2000; // ms between two looks
const REST = 30000; // ms, where nothing has changed for a while

let quiet = 0;

async function look() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  let changed = false;
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = page.querySelector(`[data-live="${part.dataset.live}"]`);
    // What somebody stands on with the keyboard stays until they have gone on.
    if (!now || now.innerHTML === part.innerHTML || part.contains(document.activeElement)) continue;
    part.replaceChildren(...now.childNodes);
    changed = true;
  }
  quiet = changed ? 0 : quiet + 1;
}

async function follow() {
  await look().catch(() => {}); // the network is gone for a while
  setTimeout(follow, quiet < 15 ? PACE : REST);
}

document.addEventListener("visibilitychange", () => document.hidden || ((quiet = 0), look().catch(() => {})));
setTimeout(follow, PACE);
