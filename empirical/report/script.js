"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const [CLASS, INDEX, VALUE, ERROR, PICTURE, TEXT, NAME, GROUP, IN, OUT] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const GROUPS = ["memorized", "never right", "typical", "between"];
  const CLASSES = 12, TYPICAL = 4, MEMORIZED = 8, NEVER = 4, PAIRS = 24, WRONG = 1, TAUGHT = 2, UNKNOWN = -1; // groups
  const at = (id) => document.getElementById(id);
  const slider = at("threshold"), strength = at("influence"), chosen = at("class"), search = at("search"), sort = at("sort");

  const sought = (kind, index, name, text) => `${data.classes[kind]} ${index} #${index} ${name} ${text}`.toLowerCase();
  const lower = data.examples.map((e) => sought(e[CLASS], e[INDEX], e[NAME], e[TEXT]));
  const partners = data.pairs.map(([i, j]) => {
    const [index, , text, name] = data.tests[j];
    return sought(data.examples[i][CLASS], index, name, text);
  });
  const members = data.classes.map(() => []);
  data.examples.forEach((e, k) => members[e[CLASS]].push(k));
  members.forEach((m) => m.sort((a, b) => data.examples[b][VALUE] - data.examples[a][VALUE]));
  data.classes.forEach((name, k) => {
    const option = document.createElement("option");
    option.value = String(k);
    option.textContent = name || "(no class)";
    chosen.append(option);
  });

  const make = (tag, kind, text) => {
    const node = document.createElement(tag);
    if (kind) node.className = kind;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const count = (n) => n.toLocaleString("en");
  const counted = (n, what) => `${count(n)} ${what}${n === 1 ? "" : "s"}`;
  const fixed = (value, digits) => value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−"); // no minus before 0.00
  const number = (value, range) => fixed(value, 3) + (range === null ? "" : ` (${fixed(range[0], 2)} to ${fixed(range[1], 2)})`);

  const share = (value) => value === null ? "unknown" : `${(100 * value).toFixed(1)} %`;

  const picture = (k, says, side = 64) => {
    const { edge, across, per } = data.sheets, place = k % per, scale = side / edge;
    const node = make("div", "picture s" + Math.floor(k / per));
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", says);
    node.style.width = node.style.height = side + "px";
    node.style.backgroundSize = across * side + "px auto";
    node.style.backgroundPosition = `${-(place % across) * edge * scale}px ${-Math.floor(place / across) * edge * scale}px`;
    return node;
  };
  const large = at("large");
  const open = (k, says, name, text, facts) => {
    const list = make("dl");
    for (const [term, value] of facts) list.append(make("dt", "", term), make("dd", "", value));
    at("example").replaceChildren(make("h3", "", name));
    if (data.sheets) at("example").append(picture(k, says, 256));
    if (text) at("example").append(make("p", "", text));
    at("example").append(list);
    large.showModal();
  };
  at("close").addEventListener("click", () => large.close());
  const card = (k, says, name, text, value, facts) => {
    const node = make("button", "card");
    node.type = "button";
    node.addEventListener("click", () => open(k, says, name, text, facts));
    if (data.sheets) node.append(picture(k, says));
    if (value) node.append(make("b", "", value));
    node.append(make("span", "", name));
    if (text) node.append(make("p", "", text));
    return node;
  };
  const about = (e) => [e[PICTURE], `${data.classes[e[CLASS]]}, training example ${e[INDEX]}`, e[NAME] || `#${e[INDEX]}`, e[TEXT]];
  const facts = (e) => [["class", data.classes[e[CLASS]]], ["training example", count(e[INDEX])], ["memorization", number(e[VALUE], e[ERROR])],
      ["models right, trained on it", share(e[IN])], ["not trained on it", share(e[OUT])], ["group", GROUPS[e[GROUP]] || "unknown"]];
  const training = (e) => card(...about(e), number(e[VALUE], e[ERROR]), facts(e));
  const testing = (t, name) => card(t[1], `${name}, test example ${t[0]}`, `test ${t[3] || `#${t[0]}`}`, t[2], "",
    [["class", name], ["test example", count(t[0])]]);

  let words = "", listed = [], classes = [], pairs = []; // what is searched for, and what was found and is not drawn yet
  const fits = (text) => text.includes(words);
  const section = ([c, found]) => {
    const level = Number(slider.value), room = chosen.value === "" ? 1 : 6;
    const block = make("section", "class");
    block.append(make("h3", "", `${data.classes[c] || "all"} (${count(found.length)})`));
    const near = (group) => members[c].filter((k) => data.examples[k][GROUP] === group && fits(lower[k])
        && (group === WRONG || Math.abs(data.examples[k][VALUE]) < Math.max(level, 0.05)))
      .sort((a, b) => Math.abs(data.examples[a][VALUE]) - Math.abs(data.examples[b][VALUE]));
    const sides = [
      ["left", "typical: others teach it", near(TAUGHT), TYPICAL],
      ["left", "memorization near 0", near(UNKNOWN), TYPICAL],
      ["right", sort.value === String(VALUE) ? "most memorized" : `memorization of at least ${level.toFixed(2)}`, found, MEMORIZED],
      ["below", "never right: mislabelled, or too hard", near(WRONG), NEVER],
    ];
    for (const [where, title, ks, most] of sides.filter((side) => side[2].length)) {
      const side = make("div", where), row = make("div", "row");
      side.append(make("h4", "", title));
      ks.slice(0, most * room).forEach((k) => row.append(training(data.examples[k])));
      side.append(row);
      block.append(side);
    }
    return block;
  };
  const pair = ([i, j, value, error]) => {
    const e = data.examples[i], name = data.classes[e[CLASS]], line = make("div", "pair");
    line.append(make("div", "strength", `${name && `${name}: `}influence ${number(value, error)}`), training(e), testing(data.tests[j], name));
    return line;
  };

  const draw = (place, button, waiting, many, made) => {
    at(place).append(...waiting.splice(0, many).map(made));
    at(button).hidden = waiting.length === 0;
  };
  const moreClasses = () => draw("classes", "more", classes, CLASSES, section);
  const morePairs = () => draw("pairs", "morepairs", pairs, PAIRS, pair);
  const show = () => {
    const level = Number(slider.value), least = Number(strength.value);
    const within = (c) => chosen.value === "" || Number(chosen.value) === c;
    words = search.value.trim().toLowerCase();
    at("level").value = level.toFixed(2);
    at("least").value = least.toFixed(2);
    const by = Number(sort.value), order = (k) => by === VALUE ? -data.examples[k][VALUE] : data.examples[k][by] ?? 2;
    members.forEach((m) => m.sort((a, b) => order(a) - order(b)));
    classes = members.map((ids, c) => [c, within(c) ? ids.filter((k) => data.examples[k][VALUE] >= level && fits(lower[k])) : []])
      .filter(([c, found]) => found.length || (within(c) && members[c].some((k) => data.examples[k][GROUP] === WRONG && fits(lower[k]))));
    pairs = data.pairs.filter(([i, , value], k) =>
      value >= least && within(data.examples[i][CLASS]) && (fits(lower[i]) || fits(partners[k])));
    listed = classes.flatMap(([, found]) => found);
    const total = classes.reduce((sum, [, found]) => sum + found.length, 0);
    const some = data.total > data.examples.length ? `, of the ${count(data.examples.length)} shown here out of ${count(data.total)}` : "";
    at("count").textContent = `${counted(total, "example")}${some}`;
    const strongest = data.paired > data.pairs.length ? `, of the ${count(data.pairs.length)} strongest out of ${count(data.paired)}` : "";
    at("linked").textContent = `${counted(pairs.length, "pair")}${strongest}`;
    at("classes").replaceChildren();
    at("pairs").replaceChildren();
    moreClasses();
    morePairs();
  };

  const save = () => {
    const cell = (value) => `"${String(value ?? "").replaceAll('"', '""')}"`;
    const rows = listed.map((k) => data.examples[k]).map((e) => [e[INDEX], cell(e[NAME]), cell(data.classes[e[CLASS]]), e[VALUE],
      e[ERROR]?.[0] ?? "", e[ERROR]?.[1] ?? "", e[IN] ?? "", e[OUT] ?? "", cell(GROUPS[e[GROUP]])].join(","));
    const text = ["index,id,label,memorization,low,high,in_accuracy,out_accuracy,group", ...rows].join("\n") + "\n";
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = "examples.csv";
    link.click();
    URL.revokeObjectURL(link.href);
  };

  const places = { train: new Map(data.examples.map((e) => [e[INDEX], e])), test: new Map(data.tests.map((t) => [t[0], t])) };
  for (const node of document.querySelectorAll(".open")) {
    node.addEventListener("click", () => {
      const { part, index } = node.dataset, found = places[part].get(Number(index));
      if (!found) return;
      if (part === "train") open(...about(found), facts(found));
      else open(found[1], `test example ${index}`, `test ${found[3] || `#${index}`}`, found[2], [["test example", count(Number(index))]]);
    });
  }
  at("save").addEventListener("click", save);
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const control of [slider, strength, chosen, search, sort]) control.addEventListener("input", show);
  at("more").addEventListener("click", moreClasses);
  at("morepairs").addEventListener("click", morePairs);
  show();
})();
