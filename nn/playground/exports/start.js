// Opens the field of this network.

document.querySelectorAll(`[data-field=${model.field}]`).forEach((part) => { part.hidden = false; });
({ digits, map, numbers })[model.field]();
