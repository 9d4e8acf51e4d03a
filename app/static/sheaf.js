// Pages work without this file. It only tells people what happened and saves them a step.
"use strict";

// A quiet word when a quick request fails; without script the browser would have shown the error page.
document.addEventListener("htmx:responseError", (event) => say(event.detail.xhr.status));
document.addEventListener("htmx:sendError", () => say(0));

function say(status) {
  const place = document.getElementById("flash");
  if (!place) return;
  const words = status === 0 ? "No connection. Nothing was sent; try again." : status === 429
    ? "Too many tries in a short while. Wait a little."
    : "That did not work. Reload the page and try again.";
  const note = document.createElement("p");
  note.className = "notice bad";
  note.textContent = words;
  place.replaceChildren(note);
}

// One press is one act: a form that is on its way cannot be sent again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  form.querySelectorAll("button").forEach((button) => button.setAttribute("aria-busy", "true"));
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    form.querySelectorAll("button").forEach((button) => button.removeAttribute("aria-busy"));
  });
});

// Ctrl and Enter send what is being written, for whoever writes many.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !event.target.matches("textarea[data-quick]")) return;
  event.preventDefault();
  event.target.form.requestSubmit(event.target.form.querySelector("button"));
});

// The token of a mail's link does not stay in the address bar: the page names an address that stands for it here.
const address = document.querySelector("meta[name='address']");
if (address) history.replaceState(null, "", address.content);

// The browser knows its time zone; a new person need not choose one.
document.querySelectorAll("input[data-zone]").forEach((field) => {
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
});

// An open menu closes on Escape and on a press elsewhere.
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
});

// Where the way about is wider than the screen, it shows where one is.
document.querySelectorAll(".tabs [aria-current]").forEach((here) => {
  const tabs = here.parentElement;
  tabs.scrollLeft = here.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - here.offsetWidth) / 2;
});

// What is to be typed elsewhere can be copied instead, where the browser lets us.
if (navigator.clipboard) document.querySelectorAll("button[data-copy]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 2000);
  });
});
