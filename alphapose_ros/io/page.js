// Shows the results of a run; the numbers are packed by page_data.py, which says how.
"use strict";

const TENTATIVE = 0, TRACKED = 1, LOST = 2;
const LONGEST_GAP_S = 1.0; // between frames in which a track is told of, until its bar ends
const element = (id) => document.getElementById(id);
const facts = JSON.parse(element("facts").textContent);
const times = facts.times_ms.map((time) => time / 1000);
const frameCount = times.length;
const usualStep = frameCount > 1 ? (times[frameCount - 1] - times[0]) / (frameCount - 1) : 0.04;
const endS = times[frameCount - 1] + usualStep;

async function unpack() {
  const packed = Uint8Array.from(atob(element("numbers").textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const columns = {};
  let at = 0;
  for (const [name, width] of facts.columns) {
    const count = facts.rows * width, column = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const zigzag = bytes[at + i] | (bytes[at + count + i] << 8);
      column[i] = zigzag & 1 ? -(zigzag >> 1) - 1 : zigzag >> 1;
    }
    columns[name] = { values: column, width };
    at += 2 * count;
  }
  return columns;
}

// Turn differences into values again: each row adds to the one before it in its track.
function restore(columns, starts) {
  const box = columns.box.values;
  for (const [name, corner] of [["frame", -1], ["box", -1], ["x", 0], ["y", 1], ["keypoint_score", -1], ["position", -1]]) {
    if (!columns[name]) continue;
    const { values, width } = columns[name];
    for (let row = 0; row < facts.rows; row++) {
      for (let k = 0; k < width; k++) {
        const i = row * width + k;
        if (!starts[row]) values[i] += values[i - width];
        else if (corner >= 0) values[i] += box[4 * row + corner];
      }
    }
  }
}

// The seconds that spans cover, in the order of their starts; two at a time count once.
function secondsOf(spans) {
  let sum = 0;
  let end = -Infinity;
  for (const span of spans) {
    sum += Math.max(0, span.stop - Math.max(span.start, end));
    end = Math.max(end, span.stop);
  }
  return sum;
}

class Run {
  constructor(columns) {
    this.columns = columns;
    this.trackOf = new Int32Array(facts.rows);
    const starts = new Uint8Array(facts.rows);
    let row = 0;
    facts.tracks.forEach((track, number) => {
      track.first = row;
      for (let i = 0; i < track.rows; i++, row++) {
        this.trackOf[row] = number;
        starts[row] = i === 0 || track.id === 0 ? 1 : 0;
      }
    });
    restore(columns, starts);
    this.rowsOf = Array.from({ length: frameCount }, () => []);
    for (row = 0; row < facts.rows; row++) this.rowsOf[columns.frame.values[row]].push(row);
    this.people = this.identities();
  }

  // Everybody by first sight: a person with all tracks, or a track of which nobody knows whose.
  identities() {
    const found = new Map();
    facts.tracks.forEach((track, number) => {
      if (track.id === 0) return;
      const key = track.person >= 0 ? `person ${track.person}` : `track ${track.id}`;
      if (!found.has(key)) found.set(key, { key, person: track.person, tracks: [], spans: [] });
      const one = found.get(key);
      one.tracks.push(track);
      one.colour = track.colour;
      one.spans.push(...this.spans(track));
    });
    const people = [...found.values()];
    for (const one of people) {
      one.spans.sort((a, b) => a.start - b.start);
      const seen = one.spans.filter((span) => span.state !== LOST);
      const known = seen.length ? seen : one.spans;
      one.first = known[0].start;
      one.last = Math.max(...known.map((span) => span.stop));
      one.seconds = secondsOf(seen);
      const ids = one.tracks.map((track) => track.id).join(", ");
      one.name = one.person >= 0 ? `person ${one.person}` : `track ${ids}`;
      one.tracksText = one.person >= 0 ? (one.tracks.length > 1 ? `tracks ${ids}` : `track ${ids}`) : "";
    }
    people.sort((a, b) => a.first - b.first);
    people.forEach((one, number) => one.tracks.forEach((track) => { track.owner = number; }));
    return people;
  }

  spans(track) {
    const { frame, state } = this.columns, spans = [];
    for (let row = track.first; row < track.first + track.rows; row++) {
      const now = times[frame.values[row]], last = spans[spans.length - 1];
      const next = last && now - last.stop <= LONGEST_GAP_S;
      if (next) last.stop = Math.max(last.start, now);
      if (next && last.state === state.values[row]) last.stop = now + usualStep;
      else spans.push({ start: now, stop: now + usualStep, state: state.values[row] });
    }
    return spans;
  }

  box(row) {
    return Array.from(this.columns.box.values.subarray(4 * row, 4 * row + 4), (v) => v * facts.unit_px);
  }

  position(row) {
    if (!this.columns.position || !this.columns.has_position.values[row]) return null;
    return Array.from(this.columns.position.values.subarray(3 * row, 3 * row + 3), (v) => v * facts.unit_m);
  }

  track(row) { return facts.tracks[this.trackOf[row]]; }

  owner(row) { const number = this.track(row).owner; return number === undefined ? null : this.people[number]; }
}

function frameAt(time) { // the last that has begun
  let low = 0, high = frameCount - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (times[middle] <= time + 1e-6) low = middle; else high = middle - 1;
  }
  return low;
}

function clockText(time) {
  const minutes = Math.floor(time / 60), seconds = time - 60 * minutes;
  return minutes ? `${minutes}:${seconds.toFixed(1).padStart(4, "0")}` : `${seconds.toFixed(2)} s`;
}

function brighter(colour) {
  const parts = [1, 3, 5].map((i) => Math.round(0.55 * parseInt(colour.slice(i, i + 2), 16) + 0.45 * 255));
  return `rgb(${parts.join(",")})`;
}

function css(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

// Give a canvas as many pixels as the screen shows; return its context in CSS pixels.
function sized(canvas, height) {
  const width = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
  if (height) canvas.style.height = `${height}px`;
  const tall = height || canvas.clientHeight;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(tall * ratio));
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height: tall };
}

class Stage {
  constructor(run) {
    this.run = run;
    this.canvas = element("canvas");
    const { edges, fine, names } = facts.skeleton;
    const isFine = new Set(fine);
    this.kinds = [[], [], [], []]; // edges: right or middle, left; then those of face and hands
    edges.forEach(([a, b]) => {
      const thin = isFine.has(a) || isFine.has(b), left = names[b].startsWith("left_");
      this.kinds[(thin ? 2 : 0) + (left ? 1 : 0)].push([a, b]);
    });
    this.dots = names.map((_, k) => k).filter((k) => !isFine.has(k));
    this.fit();
  }

  fit() {
    const most = Math.max(240, window.innerHeight - 330), box = element("player").clientWidth - 22;
    this.width = Math.min(box, most * facts.width / facts.height);
    element("stage").style.width = `${this.width}px`;
    element("stage").style.height = `${this.width * facts.height / facts.width}px`;
    this.scale = this.width / facts.width;
    this.context = sized(this.canvas).context;
  }

  draw(frame, chosen) {
    const { context } = this, rows = this.run.rowsOf[frame];
    context.clearRect(0, 0, this.width, this.width * facts.height / facts.width);
    if (element("show-ways").checked) this.ways(frame);
    for (const row of rows) {
      const track = this.run.track(row), owner = this.run.owner(row);
      context.globalAlpha = chosen === null || owner === chosen ? 1 : 0.35;
      if (element("show-boxes").checked) this.box(row, track, owner !== null && owner === chosen);
      if (element("show-skeletons").checked) this.pose(row, track);
    }
    context.globalAlpha = 1;
    if (element("show-ids").checked) for (const row of rows) this.label(row);
    this.canvas.setAttribute("aria-label", `Frame ${facts.indices[frame]}, ${rows.length} people`);
    document.body.dataset.frame = frame;
    document.body.dataset.drawn = rows.length;
  }

  pose(row, track) {
    const { context, scale } = this, { x, y, keypoint_score: score } = this.run.columns;
    const width = x.width, from = row * width, unit = facts.unit_px * scale;
    const least = Math.max(1, Number(element("score").value) * facts.score_steps);
    const box = this.run.box(row), height = (box[3] - box[1]) * scale;
    const thick = Math.min(5, Math.max(1.2, height / 90));
    const seen = (k) => score.values[from + k] >= least;
    const line = (edges, size, colour) => {
      context.beginPath();
      for (const [a, b] of edges) {
        if (!seen(a) || !seen(b)) continue;
        context.moveTo(x.values[from + a] * unit, y.values[from + a] * unit);
        context.lineTo(x.values[from + b] * unit, y.values[from + b] * unit);
      }
      context.lineWidth = size;
      context.strokeStyle = colour;
      context.stroke();
    };
    context.lineCap = "round";
    const bright = brighter(track.colour), [right, left, fine, fineLeft] = this.kinds;
    line([...right, ...left], thick + 1.6, "rgba(16,18,22,0.75)");
    line(right, thick, track.colour);
    line(left, thick, bright);
    if (height > 60) {
      line(fine, Math.max(0.8, thick / 3), track.colour);
      line(fineLeft, Math.max(0.8, thick / 3), bright);
    }
    if (height < 80) return;
    context.fillStyle = "#fff";
    context.beginPath();
    for (const k of this.dots) {
      if (!seen(k)) continue;
      const px = x.values[from + k] * unit, py = y.values[from + k] * unit;
      context.moveTo(px + 0.55 * thick, py);
      context.arc(px, py, 0.55 * thick, 0, 2 * Math.PI);
    }
    context.fill();
  }

  box(row, track, isChosen) {
    const { context, scale } = this, [x1, y1, x2, y2] = this.run.box(row).map((v) => v * scale);
    const state = this.run.columns.state.values[row];
    context.setLineDash(state === LOST ? [5, 4] : []);
    context.strokeStyle = state === LOST ? "#b9c0c8" : track.colour;
    context.lineWidth = isChosen ? 3 : state === TRACKED ? 1.5 : 1;
    context.strokeRect(x1, y1, x2 - x1, y2 - y1);
    context.setLineDash([]);
  }

  label(row) {
    const track = this.run.track(row);
    if (track.id === 0) return;
    const { context, scale } = this, [x1, y1] = this.run.box(row).map((v) => v * scale);
    const state = this.run.columns.state.values[row];
    const text = state === TENTATIVE ? `${track.id}?` : String(track.id);
    context.font = "600 12px system-ui, sans-serif";
    const wide = context.measureText(text).width + 8;
    const x = Math.min(Math.max(x1, 0), this.width - wide), y = Math.max(y1 - 16, 0);
    context.fillStyle = state === LOST ? "#b9c0c8" : track.colour;
    context.fillRect(x, y, wide, 16);
    context.fillStyle = "#101216";
    context.fillText(text, x + 4, y + 12);
  }

  // The ways up to this frame: the middle of the box's lower side.
  ways(frame) {
    const { context, scale } = this, { frame: frames, box, state } = this.run.columns;
    const unit = facts.unit_px * scale;
    context.lineWidth = 2;
    for (const track of facts.tracks) {
      if (track.id === 0) continue;
      context.strokeStyle = track.colour;
      context.beginPath();
      let before = -1e9;
      for (let row = track.first; row < track.first + track.rows; row++) {
        if (frames.values[row] > frame) break;
        if (state.values[row] === LOST) continue;
        const px = 0.5 * (box.values[4 * row] + box.values[4 * row + 2]) * unit;
        const py = box.values[4 * row + 3] * unit, now = times[frames.values[row]];
        if (now - before > LONGEST_GAP_S) context.moveTo(px, py); else context.lineTo(px, py);
        before = now;
      }
      context.stroke();
    }
  }

  // The row of the smallest box at a place of the canvas; null for none.
  rowAt(event, frame) {
    const place = this.canvas.getBoundingClientRect();
    const x = (event.clientX - place.left) / this.scale, y = (event.clientY - place.top) / this.scale;
    let best = null, smallest = Infinity;
    for (const row of this.run.rowsOf[frame]) {
      const [x1, y1, x2, y2] = this.run.box(row), area = (x2 - x1) * (y2 - y1);
      if (x >= x1 && x <= x2 && y >= y1 && y <= y2 && area < smallest) [best, smallest] = [row, area];
    }
    return best;
  }
}

class TimelineView {
  constructor(run) {
    this.run = run;
    this.canvas = element("timeline");
    this.left = 112;
    this.axis = 22;
    this.pitch = run.people.length > 24 ? 15 : 20;
    this.ground = document.createElement("canvas");
    this.fit();
  }

  fit() {
    const height = this.axis + this.pitch * Math.max(1, this.run.people.length) + 4;
    Object.assign(this, sized(this.canvas, height));
    this.height = height;
    this.scale = (this.width - this.left - 26) / endS;
    this.isStale = true;
  }

  x(time) { return this.left + time * this.scale; }

  drawGround(chosen) {
    const { context } = this;
    context.clearRect(0, 0, this.width, this.height);
    context.font = "11px system-ui, sans-serif";
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200].find((s) => endS / s <= 12) || 14400;
    this.run.people.forEach((one, number) => {
      const top = this.axis + number * this.pitch;
      context.fillStyle = one === chosen ? css("--line") : number % 2 ? css("--panel") : css("--stripe");
      context.fillRect(0, top, this.width, this.pitch);
    });
    context.fillStyle = css("--quiet");
    for (let i = 0; i * step <= endS; i++) {
      context.fillText(clockText(i * step).replace(/\.?0+ s/, " s"), this.x(i * step) - 6, 13);
      context.fillRect(this.x(i * step), 17, 1, this.axis - 17);
    }
    this.run.people.forEach((one, number) => this.row(one, this.axis + number * this.pitch));
  }

  row(one, top) {
    const { context, pitch } = this, middle = top + pitch / 2;
    context.fillStyle = css("--ink");
    context.fillText(one.name, 6, middle + 4, this.left - 12);
    for (const { start, stop, state } of one.spans) {
      const x = this.x(start), wide = Math.max(1.5, (stop - start) * this.scale);
      if (state === LOST) {
        context.fillStyle = css("--lost");
        context.fillRect(x, middle - 1, wide, 2);
      } else if (state === TENTATIVE) {
        context.strokeStyle = one.colour;
        context.strokeRect(x + 0.5, top + 4.5, Math.max(1, wide - 1), pitch - 9);
      } else {
        context.fillStyle = one.colour;
        context.fillRect(x, top + 3, wide, pitch - 6);
      }
    }
  }

  draw(frame, chosen) { // bars are drawn once, the line of the shown time over a copy of them
    if (this.isStale || this.drawn !== chosen) {
      this.drawGround(chosen);
      this.ground.width = this.canvas.width;
      this.ground.height = this.canvas.height;
      this.ground.getContext("2d").drawImage(this.canvas, 0, 0);
      this.drawn = chosen;
      this.isStale = false;
    } else {
      this.context.clearRect(0, 0, this.width, this.height);
      this.context.drawImage(this.ground, 0, 0, this.width, this.height);
    }
    this.context.fillStyle = css("--accent");
    this.context.fillRect(this.x(times[frame]) - 1, 14, 2, this.height - 14);
  }

  at(event) {
    const place = this.canvas.getBoundingClientRect();
    const time = (event.clientX - place.left - this.left) / this.scale;
    const number = Math.floor((event.clientY - place.top - this.axis) / this.pitch);
    return { time: Math.min(Math.max(time, 0), endS), one: this.run.people[number] || null };
  }
}

// A map: x to the right, z upwards, the camera below.
class AboveView {
  constructor(run) {
    this.run = run;
    const places = [[0, 0]];
    for (let row = 0; row < facts.rows; row++) {
      const position = run.position(row);
      if (position && Math.hypot(position[0], position[2]) < 100) places.push([position[0], position[2]]);
    }
    this.isKnown = places.length > 1;
    element("above-panel").hidden = !this.isKnown;
    const xs = places.map((p) => p[0]), zs = places.map((p) => p[1]);
    const least = (v) => v.reduce((a, b) => Math.min(a, b)), most = (v) => v.reduce((a, b) => Math.max(a, b));
    this.low = [least(xs) - 0.5, least(zs) - 0.5];
    this.high = [most(xs) + 0.5, most(zs) + 0.5];
    this.fit();
  }

  fit() {
    if (!this.isKnown) return;
    const wide = this.high[0] - this.low[0], deep = this.high[1] - this.low[1];
    const width = element("above").clientWidth;
    Object.assign(this, sized(element("above"), Math.min(320, Math.max(140, width * deep / wide))));
    this.scale = Math.min(this.width / wide, this.height / deep);
  }

  place(x, z) {
    const middle = 0.5 * (this.low[0] + this.high[0]);
    return [0.5 * this.width + (x - middle) * this.scale, this.height - (z - this.low[1]) * this.scale];
  }

  draw(frame, chosen) {
    if (!this.isKnown) return;
    const { context } = this, extent = Math.max(this.high[0] - this.low[0], this.high[1] - this.low[1]);
    const step = [0.5, 1, 2, 5, 10, 20, 50].find((s) => extent / s <= 8) || 100;
    context.clearRect(0, 0, this.width, this.height);
    context.font = "11px system-ui, sans-serif";
    context.strokeStyle = css("--line");
    context.lineWidth = 1;
    context.fillStyle = css("--quiet");
    for (let v = Math.ceil(this.low[1] / step) * step; v <= this.high[1]; v += step) {
      const y = this.place(0, v)[1];
      context.strokeRect(-1, y, this.width + 2, 0);
      context.fillText(`${v} m`, 3, y - 3);
    }
    for (let v = Math.ceil(-50 / step) * step; v <= 50; v += step) {
      context.strokeRect(this.place(v, 0)[0], -1, 0, this.height + 2);
    }
    const [cx, cy] = this.place(0, 0);
    context.beginPath();
    context.moveTo(cx, cy);
    context.lineTo(cx - 7, cy - 12);
    context.lineTo(cx + 7, cy - 12);
    context.fill();
    for (const row of this.run.rowsOf[frame]) this.person(row, chosen);
  }

  person(row, chosen) {
    const position = this.run.position(row);
    if (!position) return;
    const { context } = this, track = this.run.track(row), owner = this.run.owner(row);
    const [x, y] = this.place(position[0], position[2]);
    context.globalAlpha = this.run.columns.state.values[row] === LOST ? 0.4 : 1;
    context.beginPath();
    context.arc(x, y, owner !== null && owner === chosen ? 9 : 6, 0, 2 * Math.PI);
    context.fillStyle = track.colour;
    context.fill();
    context.strokeStyle = css("--ink");
    context.stroke();
    context.fillStyle = css("--ink");
    context.fillText(track.id || "", x + 10, y + 4);
    context.globalAlpha = 1;
  }
}

// What lies below the skeletons: a video beside this page, or some frames in it.
class Background {
  constructor(onTime) {
    this.video = element("video");
    this.still = element("still");
    this.stills = facts.stills || [];
    this.isVideo = false;
    this.onTime = onTime;
    if (!facts.video) return;
    this.video.addEventListener("loadedmetadata", () => { this.isVideo = true; this.show(); onTime(); });
    this.video.addEventListener("error", () => this.fail());
    this.video.src = facts.video.src;
  }

  fail() {
    this.isVideo = false;
    const notice = element("notice");
    notice.hidden = false;
    notice.textContent = `${decodeURIComponent(facts.video.src)} cannot be shown: it has to lie there, ` +
      "in a form that browsers play (H.264, VP9, AV1).";
    this.show();
    this.onTime();
  }

  show() {
    const wanted = element("show-picture").checked;
    this.video.hidden = !(wanted && this.isVideo);
    this.still.hidden = !(wanted && !this.isVideo && this.stills.length);
  }

  timeOf(frame) { return times[frame] + (facts.video ? facts.video.offset_s : 0); }

  seek(frame) {
    // A little into the frame: its first moment may still be the one before.
    if (this.isVideo) this.video.currentTime = this.timeOf(frame) + 0.2 * usualStep;
    let best = null;
    for (const one of this.stills) if (best === null || one.frame <= frame) best = one;
    // Between two of them the earlier one is faint: it is not the picture of this frame.
    this.still.style.opacity = best && best.frame === frame ? 1 : 0.4;
    if (best && this.still.dataset.frame !== String(best.frame)) {
      this.still.src = best.src;
      this.still.dataset.frame = best.frame;
      this.still.alt = `The picture of frame ${facts.indices[best.frame]}`;
    }
  }
}

class App {
  constructor(run) {
    this.run = run;
    this.frame = 0;
    this.chosen = null; // identity
    this.hovered = null; // row
    this.isPlaying = false;
    this.background = new Background(() => this.go(this.frame));
    this.stage = new Stage(run);
    this.timeline = new TimelineView(run);
    this.above = new AboveView(run);
    this.list();
    this.connect();
    this.summary();
    const asked = new URLSearchParams(location.hash.slice(1));
    if (asked.has("person")) this.chosen = run.people.find((one) => one.key === asked.get("person")) || null;
    this.background.show();
    this.go(Number(asked.get("frame") || 0));
  }

  summary() {
    const count = this.run.people.length;
    const parts = [
      `${frameCount} frames`, clockText(endS), `${count} ${count === 1 ? "identity" : "identities"}`,
      `${facts.rows} poses of ${facts.skeleton.names.length} keypoints (${facts.skeleton.id})`,
    ];
    if (facts.every > 1) parts.push(`every ${facts.every}. frame shown`);
    if (!facts.has_stamps) parts.push("the file tells no times: evenly spaced here");
    if (facts.privacy) parts.push("privacy: no pictures, no faces");
    element("summary").textContent = parts.join(" · ");
    document.body.dataset.people = count;
  }

  list() {
    this.buttons = this.run.people.map((one) => {
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = one.colour;
      button.append(swatch);
      const picture = (facts.thumbnails || {})[one.key];
      if (picture) {
        const image = document.createElement("img");
        image.src = picture;
        image.alt = "";
        button.append(image);
      }
      for (const [kind, text] of [
        ["name", one.tracksText ? `${one.name} (${one.tracksText})` : one.name],
        ["when", `${clockText(one.first)} – ${clockText(one.last)}, seen ${one.seconds.toFixed(1)} s`],
      ]) {
        const span = document.createElement("span");
        span.className = kind;
        span.textContent = text;
        button.append(span);
      }
      button.addEventListener("click", () => this.choose(one, true));
      item.append(button);
      element("people").append(item);
      return button;
    });
    element("people-title").textContent = `People (${this.run.people.length})`;
  }

  choose(one, jump) {
    this.chosen = this.chosen === one ? null : one;
    this.hovered = null;
    const isHere = one && this.run.rowsOf[this.frame].some((row) => this.run.owner(row) === one);
    if (jump && this.chosen && !isHere) this.go(frameAt(one.first)); else this.draw();
  }

  go(frame) {
    this.frame = Math.min(Math.max(Math.round(frame) || 0, 0), frameCount - 1);
    this.startedAt = performance.now() - 1000 * times[this.frame] / this.speed();
    this.background.seek(this.frame);
    this.draw();
  }

  speed() { return Number(element("speed").value); }

  draw() {
    const { frame } = this;
    this.stage.draw(frame, this.chosen);
    this.timeline.draw(frame, this.chosen);
    this.above.draw(frame, this.chosen);
    element("slider").value = frame;
    const told = `${clockText(times[frame])} · frame ${facts.indices[frame]}`;
    element("slider").setAttribute("aria-valuetext", told);
    element("clock").textContent = told;
    element("score-shown").textContent = Number(element("score").value).toFixed(2);
    const here = new Set(this.run.rowsOf[frame].map((row) => this.run.owner(row)));
    this.buttons.forEach((button, number) => {
      const one = this.run.people[number];
      button.classList.toggle("absent", !here.has(one));
      button.setAttribute("aria-pressed", String(one === this.chosen));
    });
    this.describe();
  }

  describe() {
    const { columns } = this.run, rows = this.run.rowsOf[this.frame];
    let row = this.hovered;
    if (row === null && this.chosen) {
      const found = rows.find((r) => this.run.owner(r) === this.chosen);
      row = found === undefined ? null : found;
    }
    const told = [];
    if (row === null) {
      told.push(["", this.chosen ? `${this.chosen.name} is not in this frame` : "Point at somebody, or choose from the list"]);
    } else {
      const track = this.run.track(row), position = this.run.position(row), box = this.run.box(row);
      const from = row * columns.x.width, least = Number(element("score").value) * facts.score_steps;
      let seen = 0;
      for (let k = 0; k < columns.x.width; k++) seen += columns.keypoint_score.values[from + k] >= Math.max(1, least) ? 1 : 0;
      told.push(["track", track.id || "none"], ["person", track.person >= 0 ? track.person : "not known"]);
      told.push(["state", ["tentative", "tracked", "lost"][columns.state.values[row]]]);
      told.push(["score", (columns.score.values[row] / 200).toFixed(2)]);
      told.push(["keypoints", `${seen} of ${columns.x.width}`]);
      told.push(["box", `${box.map((v) => Math.round(v)).join(", ")} px`]);
      if (position) told.push(["position", `${position.map((v) => v.toFixed(2)).join(", ")} m`]);
    }
    const list = element("chosen");
    const text = JSON.stringify(told);
    if (list.dataset.told === text) return;
    list.dataset.told = text;
    list.replaceChildren(...told.flatMap(([name, value]) => {
      const term = document.createElement("dt"), meaning = document.createElement("dd");
      term.textContent = name;
      meaning.textContent = value;
      if (!name) { meaning.style.gridColumn = "1 / -1"; meaning.style.textAlign = "left"; return [meaning]; }
      return [term, meaning];
    }));
  }

  play(wanted) {
    this.isPlaying = wanted;
    element("play").textContent = wanted ? "❚❚" : "▶";
    element("play").setAttribute("aria-label", wanted ? "Pause" : "Play");
    if (wanted && this.frame === frameCount - 1) this.go(0); else this.go(this.frame);
    const { video, isVideo } = this.background;
    video.playbackRate = this.speed();
    if (isVideo && wanted) video.play().catch(() => this.background.fail());
    else if (isVideo) video.pause();
    if (wanted) requestAnimationFrame(() => this.tick());
  }

  tick() {
    if (!this.isPlaying) return;
    const { video, isVideo } = this.background;
    const time = isVideo && !video.ended
      ? video.currentTime - facts.video.offset_s
      : (performance.now() - this.startedAt) / 1000 * this.speed();
    const frame = frameAt(time);
    if (frame !== this.frame) {
      this.frame = frame;
      if (!isVideo) this.background.seek(frame);
      this.draw();
    }
    if (time >= endS || (isVideo && video.ended)) this.play(false);
    else requestAnimationFrame(() => this.tick());
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const type = event.target.type || event.target.tagName;
    if (event.key === " " && !["button", "checkbox", "select-one"].includes(type)) this.play(!this.isPlaying);
    else if (event.key === "Escape") { this.chosen = null; this.draw(); }
    else if (["range", "select-one"].includes(type) && event.target.id !== "slider") return;
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const way = event.key === "ArrowLeft" ? -1 : 1;
      this.go(event.shiftKey ? frameAt(times[this.frame] + way) : this.frame + way);
    } else if (event.key === "Home") this.go(0);
    else if (event.key === "End") this.go(frameCount - 1);
    else return;
    event.preventDefault();
  }

  connect() {
    const slider = element("slider"), { canvas } = this.stage;
    slider.max = frameCount - 1;
    slider.addEventListener("input", () => this.go(Number(slider.value)));
    element("play").addEventListener("click", () => this.play(!this.isPlaying));
    element("back").addEventListener("click", () => this.go(this.frame - 1));
    element("on").addEventListener("click", () => this.go(this.frame + 1));
    element("speed").addEventListener("change", () => { this.background.video.playbackRate = this.speed(); this.go(this.frame); });
    for (const input of document.querySelectorAll("#layers input")) {
      input.addEventListener("input", () => { this.background.show(); this.draw(); });
    }
    canvas.addEventListener("pointermove", (event) => { this.hovered = this.stage.rowAt(event, this.frame); this.describe(); });
    canvas.addEventListener("pointerleave", () => { this.hovered = null; this.describe(); });
    canvas.addEventListener("click", (event) => {
      const row = this.stage.rowAt(event, this.frame);
      this.choose(row === null ? null : this.run.owner(row), false);
    });
    this.timeline.canvas.addEventListener("click", (event) => {
      const { time, one } = this.timeline.at(event);
      if (one) this.chosen = one;
      this.go(frameAt(time));
    });
    document.addEventListener("keydown", (event) => this.key(event));
    const again = () => { this.stage.fit(); this.timeline.fit(); this.above.fit(); this.draw(); };
    window.addEventListener("resize", again);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  }
}

if (facts.video && facts.video.is_drawn) {
  for (const id of ["show-skeletons", "show-boxes", "show-ids"]) element(id).checked = false;
}
if (!facts.video && !(facts.stills || []).length) element("show-picture").parentElement.hidden = true;
unpack().then((columns) => new App(new Run(columns))).catch((error) => {
  element("summary").textContent = `This page cannot be shown: ${error.message}. It needs a browser of 2023 or later.`;
  throw error;
});
