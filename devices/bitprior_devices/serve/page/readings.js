"use strict";

const percent = (share) => `${(100 * share).toFixed(2)} %`;

function onState(state) {
  text("name", state.name);
  text("readings", `${state.readings} of ${state.wanted}`);
  Object.assign($("progress"), { value: state.readings, max: state.wanted });
  const all = state.readings >= state.wanted;
  text("status", all ? "All readings are in" : state.ended ? "The readings have ended" : "Live");
  const odd = [];
  if (state.unreadable) odd.push(`${state.unreadable} lines could not be read`);
  if (state.beyond) odd.push(`${state.beyond} readings more than the camera file has are not used`);
  text("message", [state.message, ...odd].filter(Boolean).join("; "));
}

function onFrame(frame) {
  drawPicture($("image"), frame.image);
  drawPicture($("plain"), frame.plain);
  drawCurve($("curve"), frame.curve);
  const left = Object.entries(frame.left_out).map(([reason, count]) => `${count} ${reason}`);
  text("explained", percent(frame.explained));
  text("of", String(frame.readings));
  text("used", `${frame.used} of ${frame.patterns}`);
  text("left", left.join(", ") || "none");
  text("seconds", frame.seconds.toFixed(1));
  text("engine", frame.engine);
}

listen({ state: onState, frame: onFrame });
