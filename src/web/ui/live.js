// Live pages: asks /ws for what changes on this page and swaps it in. Without it every page still
// works; it only stands still. No build step, no inline code, nothing from elsewhere.
"use strict";
(() => {
  const body = document.body;
  const root = new URL(body.dataset.root || "./", location.href);
  const scope = body.dataset.scope;
  const sign = document.getElementById("live");
  let follow = false;

  // Old links of Buildbot's interface: #/builders/3/builds/7.
  const old = /^#\/((?:builders|workers|changes|buildrequests)(?:\/\d+(?:\/builds\/\d+)?)?)/.exec(location.hash);
  if (old && !scope?.startsWith("log")) location.replace(new URL(old[1], root));

  const words = (s) =>
    s < 60 ? `${Math.floor(s)} s` : s < 3600 ? `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`
      : s < 172800 ? `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min` : `${Math.floor(s / 86400)} days`;

  function tick() {
    const now = Date.now() / 1000;
    for (const t of document.querySelectorAll("time[data-at]")) {
      const age = Math.floor(Math.max(0, now - Number(t.dataset.at)));
      t.textContent = `${age >= 60 && age < 3600 ? `${Math.floor(age / 60)} min` : words(age)} ago`;
    }
    for (const t of document.querySelectorAll(".clock[data-since]")) {
      t.textContent = words(Math.max(0, now - Number(t.dataset.since)));
    }
    for (const p of document.querySelectorAll("progress[data-expected]")) {
      p.value = Math.min(100, ((now - Number(p.dataset.since)) * 100) / Math.max(1, Number(p.dataset.expected)));
    }
  }
  // Forms: a file goes into the field beside it, and a choice fills in the fields it names.
  function furnish() {
    for (const file of document.querySelectorAll("input[data-into]")) file.hidden = false;
  }
  document.addEventListener("change", async (event) => {
    const one = event.target;
    if (one.matches("input[data-into]") && one.files[0]) {
      one.form.elements[one.dataset.into].value = await one.files[0].text();
    }
    if (one.matches("select[data-autopopulate]")) {
      const values = JSON.parse(one.dataset.autopopulate)[one.value] || {};
      for (const [name, value] of Object.entries(values)) {
        const named = one.form.elements[name];
        // A box that can be ticked has a hidden field of its name before it.
        const field = named instanceof RadioNodeList ? named[named.length - 1] : named;
        if (field?.type === "checkbox") field.checked = value === true;
        else if (field) field.value = value;
      }
    }
  });
  furnish();

  tick();
  setInterval(tick, 1000);

  // What the reader opened, scrolled or focused stays so when a fragment is swapped.
  function swap(id, html, order) {
    const template = document.createElement("template");
    template.innerHTML = html;
    const fresh = template.content.firstElementChild;
    const stale = document.getElementById(id);
    if (!fresh) return;
    if (!stale) {
      const before = order.slice(0, order.indexOf(id)).reverse()
        .map((other) => document.getElementById(other)).find(Boolean);
      if (before) before.after(fresh);
      else document.getElementById("main")?.append(fresh);
      return;
    }
    if (stale.contains(document.activeElement) && document.activeElement.matches("input,textarea,select")) return;
    // Whoever scrolled up in a tail reads there.
    const read = [...stale.querySelectorAll("pre.tail")]
      .map((tail) => (tail.scrollHeight - tail.scrollTop - tail.clientHeight > 40 ? tail.scrollTop : null));
    for (const open of stale.querySelectorAll("details[id]")) {
      const same = fresh.querySelector(`#${CSS.escape(open.id)}`);
      if (same) same.open = open.open;
    }
    stale.replaceWith(fresh);
    fresh.querySelectorAll("pre.tail").forEach((tail, i) => { tail.scrollTop = read[i] ?? tail.scrollHeight; });
  }

  function append(message) {
    const list = document.getElementById(message.id);
    if (!list) return;
    list.insertAdjacentHTML("beforeend", message.html);
    list.dataset.next = message.next;
    // A page that follows for hours must not grow without end.
    while (list.childElementCount > 20000) list.firstElementChild.remove();
    const first = list.querySelector("li[id^=L]");
    if (first) list.start = Number(first.id.slice(1));
    if (follow) scrollTo(0, document.documentElement.scrollHeight);
    if (message.complete) setTimeout(() => location.reload(), 300);
  }

  let wait = 500;
  function connect() {
    const url = new URL("ws", root);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.onopen = () => {
      wait = 500;
      if (sign) sign.hidden = true;
      const have = {};
      for (const part of document.querySelectorAll("section[data-h]")) have[part.id] = part.dataset.h;
      const list = document.getElementById("lines");
      const named = list ? `${scope.split("/").slice(0, 2).join("/")}/${list.dataset.next}` : scope;
      socket.send(JSON.stringify({ cmd: "watch", _id: 1, scope: named, have }));
    };
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.fragments) {
        for (const part of message.fragments) swap(part.id, part.html, message.order);
        for (const part of document.querySelectorAll("section[data-h]")) {
          if (!message.order.includes(part.id)) part.remove();
        }
        tick();
        const forward = document.querySelector("a[data-forward]");
        if (forward && new URLSearchParams(location.search).has("follow")) location.replace(forward.href);
      }
      if (message.append) append(message.append);
    };
    socket.onclose = () => {
      if (sign) { sign.hidden = false; sign.textContent = "Not live: connecting again …"; }
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, 30000);
    };
  }
  if (scope && "WebSocket" in window) connect();

  for (const button of document.querySelectorAll("[data-follow]")) {
    button.hidden = false;
    button.addEventListener("click", toggleFollow);
  }
  function toggleFollow() {
    follow = !follow;
    for (const button of document.querySelectorAll("[data-follow]")) button.textContent = follow ? "Stop following" : "Follow";
    if (follow) scrollTo(0, document.documentElement.scrollHeight);
  }

  // A line that lies outside this window of the log: go to the window that has it.
  const line = /^#L(\d+)/.exec(location.hash);
  if (line && document.getElementById("lines") && !document.getElementById(`L${line[1]}`)) {
    const from = Math.floor((Number(line[1]) - 1) / 1000) * 1000;
    const asked = new URLSearchParams(location.search).get("from");
    if (String(from) !== asked) location.replace(`?from=${from}${location.hash}`);
  }
  // A line inside a fold: open it.
  function unfold() {
    const target = /^#L\d+/.exec(location.hash) && document.getElementById(/^#(L\d+)/.exec(location.hash)[1]);
    const fold = target?.closest("details");
    if (fold && !fold.open) { fold.open = true; target.scrollIntoView({ block: "center" }); }
  }
  unfold();
  addEventListener("hashchange", unfold);
  for (const tail of document.querySelectorAll("pre.tail")) tail.scrollTop = tail.scrollHeight;

  const filter = document.querySelector("[data-filter]");
  filter?.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    for (const row of document.querySelectorAll(filter.dataset.filter)) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
  });

  let row = -1;
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input,textarea,select")) return;
    const rows = [...document.querySelectorAll("main tbody tr:not([hidden])")];
    if (event.key === "/" && filter) { event.preventDefault(); filter.focus(); }
    else if (event.key === "f") toggleFollow();
    else if (event.key === "?") location.assign(new URL("about", root));
    else if ((event.key === "j" || event.key === "k") && rows.length) {
      row = Math.max(0, Math.min(rows.length - 1, row + (event.key === "j" ? 1 : -1)));
      (rows[row].querySelector("td:nth-child(2) a, a") || rows[row]).focus();
    }
  });
})();
