"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const [CLASS, INDEX, VALUE, ERROR, PICTURE, TEXT, NAME, GROUP] = [0, 1, 2, 3, 4, 5, 6, 7];
  const CLASSES = 12, TYPICAL = 4, MEMORIZED = 8, NEVER = 4, PAIRS = 24, WRONG = 1, TAUGHT = 2, UNKNOWN = -1; // groups
  const at = (id) => document.getElementById(id);
  const slider = at("threshold"), strength = at("influence"), chosen = at("class"), search = at("search");

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
  const number = (value, range) => value.toFixed(3) + (range === null ? "" : ` (${range[0].toFixed(2)} to ${range[1].toFixed(2)})`);

  const picture = (k, says) => {
    const { edge, across, per } = data.sheets, place = k % per, scale = 64 / edge;
    const node = make("div", "picture s" + Math.floor(k / per));
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", says);
    node.style.backgroundSize = across * 64 + "px auto";
    node.style.backgroundPosition = `${-(place % across) * edge * scale}px ${-Math.floor(place / across) * edge * scale}px`;
    return node;
  };
  const card = (k, says, name, text, value) => {
    const node = make("div", "card");
    if (data.sheets) node.append(picture(k, says));
    if (value) node.append(make("b", "", value));
    node.append(make("span", "", name));
    if (text) node.append(make("p", "", text));
    return node;
  };
  const training = (e) => card(
    e[PICTURE], `${data.classes[e[CLASS]]}, training example ${e[INDEX]}`, e[NAME] || `#${e[INDEX]}`, e[TEXT], number(e[VALUE], e[ERROR]));
  const testing = (t, name) => card(t[1], `${name}, test example ${t[0]}`, `test ${t[3] || `#${t[0]}`}`, t[2]);

  let words = "", classes = [], pairs = []; // what is searched for, and what was found and is not drawn yet
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
      ["right", "most memorized", found, MEMORIZED],
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
    classes = members.map((ids, c) => [c, within(c) ? ids.filter((k) => data.examples[k][VALUE] >= level && fits(lower[k])) : []])
      .filter(([c, found]) => found.length || (within(c) && members[c].some((k) => data.examples[k][GROUP] === WRONG && fits(lower[k]))));
    pairs = data.pairs.filter(([i, , value], k) =>
      value >= least && within(data.examples[i][CLASS]) && (fits(lower[i]) || fits(partners[k])));
    const total = classes.reduce((sum, [, found]) => sum + found.length, 0);
    const some = data.total > data.examples.length ? `, of the ${count(data.examples.length)} shown here out of ${count(data.total)}` : "";
    at("count").textContent = `${count(total)} examples${some}`;
    const strongest = data.paired > data.pairs.length ? `, of the ${count(data.pairs.length)} strongest out of ${count(data.paired)}` : "";
    at("linked").textContent = `${count(pairs.length)} pairs${strongest}`;
    at("classes").replaceChildren();
    at("pairs").replaceChildren();
    moreClasses();
    morePairs();
  };

  at("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const control of [slider, strength, chosen, search]) control.addEventListener("input", show);
  at("more").addEventListener("click", moreClasses);
  at("morepairs").addEventListener("click", morePairs);
  show();
})();
