"""Faults to plant in the engine's modules, and the sizes at which contracts are proved.

Each fault is one changed place of a module; the contract of `module` must refute it.
"""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One changed place.

    Attributes:
        module: Whose contract must notice.
        size: At which sizes, a key of `SIZES[module]`.
        old: What stands there.
        new: What is put there.
        file: The module that is changed, if it is another one.
    """

    module: str
    size: str
    old: str
    new: str
    file: str = ""


_NEURON = {
    "CURRENTS": 1,
    "SUM_BITS": 8,
    "BIAS_BITS": 5,
    "LEFT_SHIFT": 0,
    "SHIFT_BITS": 2,
    "CURRENT_BITS": 5,
    "STATE_BITS": 4,
    "PARAMETER_BITS": 2,
    "GROUP_BITS": 2,
    "STEP_BITS": 2,
    "SLOT_BITS": 5,
    "STATE_SLOT_BITS": 5,
    "STATE_WORDS": 32,
    "WINDOWS": 0,
}
_LANES = {
    "WEIGHT_BITS": 4,
    "VALUE_BITS": 3,
    "SUM_BITS": 9,
    "ROW_BITS": 4,
    "RING_BITS": 2,
    "GROUP_BITS": 2,
    "STEP_BITS": 3,
}
_STREAMS = {
    "PART_BITS": 2,
    "STREAM_SHIFT": 2,
    "STREAM_FRACTION": 3,
    "STREAM_PLACES": 0x1B72_D8E4,
    "STREAM_LOWS": 0x6,
    "WEIGHT_LOWS": 0x72,
}
_COUNTS = {"KIND": 2, "PART_BITS": 2}
_SCORES = {"STATE_BITS": 6, "OUTPUT_BITS": 3, "SCORE_BITS": 4}
_BUS = {
    "BEATS": 3,
    "BEAT_BITS": 2,
    "IN_BITS": 5,
    "S_BITS": 8,
    "OUTPUTS": 2,
    "OUTPUT_BITS": 2,
    "SCORE_BITS": 6,
    "M_BITS": 8,
}
_LOOPS = {
    "LAYER_BITS": 2,
    "GROUP_BITS": 2,
    "STEP_BITS": 2,
    "INDEX_BITS": 3,
    "EVENT_BITS": 2,
    "ROW_BITS": 4,
    "CLEAR_BITS": 2,
    "IS_STATIC": 1,
    "HAS_RINGS": 0,
    "WINDOWS": 0,
    "WALKS_FRAME": 0,
}
_WALK = {
    "LANES": 4,
    "BEAT": 2,
    "STEP_BITS": 2,
    "COORDINATE_BITS": 2,
    "TAP_BITS": 2,
    "JOINED_BITS": 1,
}
_WORDS = {
    "LANES": 4,
    "INPUT_BITS": 3,
    "BEAT": 2,
    "JOINS": 0,
    "INDEX_BITS": 5,
    "EVENT_BITS": 3,
    "ROW_BITS": 7,
}
_PLACES = {
    "WINDOWS": 0,
    "LAYER_BITS": 2,
    "GROUP_BITS": 2,
    "STEP_BITS": 3,
    "FETCH_BITS": 5,
    "ADDRESS_BITS": 5,
}
SIZES: dict[str, dict[str, dict[str, int]]] = {
    "snn_loader": {
        "events": {"INPUT_BITS": 3, "BEAT": 2, "EVENT_BITS": 3, "EVERY_BEAT": 0},
        "every": {"INPUT_BITS": 2, "BEAT": 1, "EVENT_BITS": 2, "EVERY_BEAT": 1},
    },
    "snn_controller": {
        "groups": _LOOPS | {"STEP_OUTER": 0},
        "rings": _LOOPS | {"STEP_OUTER": 1, "HAS_RINGS": 1},
        "frames": _LOOPS | {"STEP_OUTER": 1, "IS_STATIC": 0},
        "places": _LOOPS | {"STEP_OUTER": 0, "WINDOWS": 1, "WALKS_FRAME": 1},
        "walks": _LOOPS | {"STEP_OUTER": 1, "WINDOWS": 1},
    },
    "snn_window": {
        "steps inside": _WALK
        | {"STEPS_INSIDE": 1, "ADDRESS_BITS": 5, "WALK_BITS": 3, "ROW_BITS": 5},
        "narrow": _WALK | {"STEPS_INSIDE": 0, "ADDRESS_BITS": 2, "WALK_BITS": 4, "ROW_BITS": 3},
    },
    "snn_scanner": {
        "words": _WORDS,
        "joins": _WORDS | {"JOINS": 1},
        "ones": _WORDS | {"JOINS": 1, "INPUT_BITS": 1, "LANES": 2, "BEAT": 4},
        "one": _WORDS | {"LANES": 1, "BEAT": 1},
    },
    "snn_accumulator": {
        "one": _LANES | {"LANES": 1, "MULTIPLIERS": 0, "DELAY_BITS": 0},
        "soft": _LANES | {"LANES": 4, "MULTIPLIERS": 0x111, "DELAY_BITS": 0},
        "32": _LANES | {"LANES": 32, "MULTIPLIERS": 0, "DELAY_BITS": 0},
        "rings": _LANES | {"LANES": 2, "MULTIPLIERS": 0, "DELAY_BITS": 2},
        "streams": _LANES
        | _STREAMS
        | {"LANES": 2, "MULTIPLIERS": 0x22, "DELAY_BITS": 0, "WEIGHT_SHIFT": 1},
    },
    "snn_neurons": {
        "register": _NEURON
        | {"STEP_OUTER": 0, "LANES": 4, "UNITS": 4, "UNIT_LATENCY": 1, "PERIOD": 4},
        "one": _NEURON | {"STEP_OUTER": 0, "LANES": 1, "UNITS": 1, "UNIT_LATENCY": 0, "PERIOD": 3},
        "turns": _NEURON
        | {"STEP_OUTER": 0, "LANES": 8, "UNITS": 2, "UNIT_LATENCY": 1, "PERIOD": 4},
        "currents": _NEURON
        | {"STEP_OUTER": 0, "LANES": 4, "UNITS": 2, "UNIT_LATENCY": 0, "PERIOD": 3, "CURRENTS": 2},
        "three": _NEURON
        | {"STEP_OUTER": 1, "LANES": 2, "UNITS": 1, "UNIT_LATENCY": 1, "PERIOD": 2, "CURRENTS": 3},
        "idle": _NEURON | {"STEP_OUTER": 0, "LANES": 2, "UNITS": 1, "UNIT_LATENCY": 2, "PERIOD": 5},
        "steps": _NEURON
        | {"STEP_OUTER": 1, "LANES": 4, "UNITS": 2, "UNIT_LATENCY": 1, "PERIOD": 2},
        "windows": _NEURON
        | {"STEP_OUTER": 1, "LANES": 4, "UNITS": 2, "UNIT_LATENCY": 0, "PERIOD": 2, "WINDOWS": 1},
        "places": _NEURON
        | {"STEP_OUTER": 0, "LANES": 4, "UNITS": 1, "UNIT_LATENCY": 0, "PERIOD": 4, "WINDOWS": 1},
        "slots": _NEURON
        | {"STEP_OUTER": 1, "LANES": 2, "UNITS": 2, "UNIT_LATENCY": 0, "PERIOD": 2},
    },
    "snn_readout": {
        "counts": _SCORES | {"UNITS": 1},
        "units": _SCORES | {"UNITS": 4, "COUNT_THRESHOLD": 3},
        "first": _SCORES | {"UNITS": 1, "COUNT_THRESHOLD": 1},
        "membrane": _SCORES | {"UNITS": 2, "MEMBRANE_BITS": 4, "MEMBRANE_LOW": 2, "SCORE_BITS": 6},
    },
    "snn_places": {
        "groups": _PLACES | {"STEP_OUTER": 0, "STORE_BITS": 6},
        "steps": _PLACES | {"STEP_OUTER": 1, "STORE_BITS": 5},
        "regions": _PLACES | {"STEP_OUTER": 0, "WINDOWS": 1, "STORE_BITS": 5},
        "banks": _PLACES | {"STEP_OUTER": 1, "WINDOWS": 1, "STORE_BITS": 6},
    },
    "snn_spikes": {
        "one": {"LANES": 1, "UNITS": 1, "ADDRESS_BITS": 4},
        "turns": {"LANES": 8, "UNITS": 2, "ADDRESS_BITS": 6, "DEPTH": 40},
        "at once": {"LANES": 4, "UNITS": 4, "ADDRESS_BITS": 3},
    },
    "snn_ring": {"ring": {"WIDTH": 6, "ADDRESS_BITS": 3}},
    "snn_product": {
        "block": {"WEIGHT_BITS": 8, "VALUE_BITS": 8, "KIND": 0},
        "logic": {"WEIGHT_BITS": 8, "VALUE_BITS": 8, "KIND": 1},
        "streams": _COUNTS | {"WEIGHT_BITS": 6, "VALUE_BITS": 11, "STREAM_SHIFT": 3},
        "narrow": _COUNTS
        | {"WEIGHT_BITS": 2, "VALUE_BITS": 19, "STREAM_SHIFT": 4, "WEIGHT_SHIFT": 5},
    },
    "snn_streams": {
        "fine": _STREAMS | {"VALUE_BITS": 4},
        "coarse": _STREAMS | {"VALUE_BITS": 2, "STREAM_FRACTION": 1, "STREAM_LOWS": 0x9},
    },
    "snn_axis": {
        "signed": _BUS | {"IS_SIGNED": 1, "ENDS_EARLY": 0},
        "early": _BUS | {"IS_SIGNED": 0, "ENDS_EARLY": 1},
    },
    "snn_events": {
        "spikes": {
            "BEATS": 5,
            "BEAT_BITS": 3,
            "BEAT": 1,
            "INPUT_BITS": 1,
            "INPUTS": 5,
            "NUMBER_BITS": 3,
        },
        "beats": {
            "BEATS": 3,
            "BEAT_BITS": 2,
            "BEAT": 4,
            "INPUT_BITS": 3,
            "INPUTS": 10,
            "NUMBER_BITS": 4,
        },
        "one": {
            "BEATS": 1,
            "BEAT_BITS": 1,
            "BEAT": 2,
            "INPUT_BITS": 2,
            "INPUTS": 2,
            "NUMBER_BITS": 1,
        },
        "few": {
            "BEATS": 1,
            "BEAT_BITS": 1,
            "BEAT": 8,
            "INPUT_BITS": 2,
            "INPUTS": 3,
            "NUMBER_BITS": 2,
        },
    },
}

_A, _N, _R, _S = "snn_accumulator", "snn_neurons", "snn_readout", "snn_spikes"
_P = "snn_places"
_L, _C, _W, _T = "snn_loader", "snn_controller", "snn_window", "snn_scanner"
_B, _E = "snn_axis", "snn_events"
_ZERO = "{SUM_BITS{1'b0}}"
FAULTS = (
    Fault(_P, "groups", "{layer[0], gather_step, gather_group};", "{1'b0, gather_step, gather_group};"),
    Fault(_P, "groups", "{!layer[0], step, read_word", "{layer[0], step, read_word"),
    Fault(_P, "groups", "{!layer[0], step, read_word", "{!layer[0], gather_step, read_word"),
    Fault(_P, "steps", "read_is_recurrent ? layer : layer_before, read_word", "layer_before, read_word"),
    Fault(_P, "steps", "{step[0], layer, gather_group};", "{1'b0, layer, gather_group};"),
    Fault(_P, "steps", "= layer - 1'b1;\n            assign", "= layer;\n            assign"),
    Fault(_P, "regions", "this_word = is_first ? first_word : next_word;", "this_word = next_word;"),
    Fault(_P, "regions", "&& (STEP_OUTER != 0 || gather_step == {STEP_BITS{1'b0}});", ";"),
    Fault(_P, "banks", "if (gather && gather_ends_word) next_word", "if (gather) next_word"),
    Fault(_P, "banks", "read_is_recurrent ? !step[0] : step[0], word};", "step[0], word};"),
    Fault(_L, "events", "event_address    <= event_address + 1'b1", "event_address    <= beat"),
    Fault(_L, "events", "full <= beat == last_beat", "full <= beat + 1'b1 == last_beat"),
    Fault(_L, "events", "frame_last_event <= event_address;", "frame_last_event <= beat;"),
    Fault(_L, "events", "if (frame_take) event_bank <= !event_bank;", ""),
    Fault(_L, "every", "EVERY_BEAT != 0 || in_data != {BEAT*INPUT_BITS{1'b0}});", "in_data != 0);"),
    Fault(_C, "groups", "group == layer_last_group;", "group + 1'b1 == layer_last_group;"),
    Fault(_C, "groups", ": fetch_word == last_word;", ": fetch_word + 1'b1 == last_word;"),
    Fault(_C, "groups", "|| layer_takes_frame || step == last_step;", "|| step == last_step;"),
    Fault(_C, "groups", "if (layer_done) layer <= layer + 1'b1;", "if (fetch && at_last_group) layer <= layer + 1'b1;"),
    Fault(_C, "groups", "if (layer_done) layer <= layer + 1'b1;", "if (layer_done) layer <= layer + 2'd2;"),
    Fault(_C, "groups", "if (layer_done) layer <=", "if (state == DRAIN) fetch_row <= fetch_row + 1'b1; if (layer_done) layer <="),
    Fault(_C, "groups", "state == DRAIN && pipeline_idle;", "state == DRAIN;"),
    Fault(_C, "groups", "if (out_ready) state <= BEGIN;", "state <= BEGIN;"),
    Fault(_C, "groups", "blank      <= frame_is_blank;", "blank      <= 1'b0;"),
    Fault(_C, "frames", "(fetch_is_recurrent ? layer_outputs : layer_inputs)", "layer_inputs"),
    Fault(_C, "frames", "|| step == last_step || count_reached;", "|| count_reached;"),
    Fault(_C, "rings", "|| step == last_step || count_reached;", "|| step == last_step;"),
    Fault(_C, "rings", "HAS_RINGS != 0 ? CLEAR : IDLE;", "IDLE;"),
    Fault(_C, "places", "again         = layer_shares_rows && at_last_part && at_last_block", "again         = layer_shares_rows && at_last_part"),
    Fault(_C, "places", "assign at_last_block = block == layer_last_block;", "assign at_last_block = group == layer_last_block;"),
    Fault(_C, "walks", "fetch_is_walked ? walk_ends : fetch_word", "fetch_word"),
    Fault(_W, "narrow", "wire words_end    = rows_join && word == last_word;", "wire words_end    = rows_join;"),
    Fault(_W, "narrow", "columns_end ? first_column_tap : column_tap", "columns_end ? column_tap : column_tap"),
    Fault(_W, "steps inside", "? at_row + row_tap_offset + joined_row_at", "? at_row + row_tap_offset"),
    Fault(_W, "steps inside", "first_input + at_block + word_at + later", "first_input + at_block + word_at"),
    Fault(_W, "steps inside", "joins && !rows_join;", "joins && !columns_join;"),
    Fault(_W, "narrow", "ask_ends_place ? {ADDRESS_BITS{1'b0}} : at_block", "at_block"),
    Fault(_W, "narrow", "if (fetch_ready && named_valid) begin", "if (named_valid) begin"),
    Fault(_T, "words", "finished  <= !several[1];", "finished  <= !any[1];"),
    Fault(_T, "words", "current_valid && current_is_last && finished;", "current_valid && current_is_last;"),
    Fault(_T, "words", "fetched_word << LANE_SHIFT;", "fetched_word;"),
    Fault(_T, "words", "token_is_recurrent   <= arrived_is_recurrent;", "token_is_recurrent   <= fetched_is_recurrent;"),
    Fault(_T, "words", "if (lowest[place]) value", "if (rest[place]) value"),
    Fault(_T, "joins", "if (fetched_valid) arrived_is_partial", "arrived_is_partial"),
    Fault(_A, "32", "read_value      <= addressed_value;", "read_value      <= token_value;"),
    Fault(_A, "one", "value <= coming_add ? coming_factor", "value <= 1'b1 ? coming_factor"),
    Fault(_A, "one", "multiplied_handover <= weighted_handover;", "multiplied_handover <= read_handover;"),
    Fault(_A, "32", "weighted_row    <= weights;", "weighted_row    <= weights ^ (1 << 21*WORD_BITS);"),
    Fault(_A, "32", "if (advance) product <= times;", "if (advance) product <= times ^ (lane == 21);"),
    Fault(_A, "32", "if (advance) value <= coming_add", "if (advance && copy == 0) value <= coming_add"),
    Fault(_A, "one", "earlier + {{(SUM_BITS-PRODUCT_BITS){product[PRODUCT_BITS-1]}}", "earlier + {{(SUM_BITS-PRODUCT_BITS){1'b0}}"),
    Fault(_A, "one", "if (reset || (advance && multiplied_handover)) sum", "if (advance && multiplied_handover) sum"),
    Fault(_A, "one", "else if (advance && multiplied_add)            sum", "else if (multiplied_add) sum"),
    Fault(_A, "one", "else if (advance && enter_add) weights_row", "else if (enter_add) weights_row"),
    Fault(_A, "one", "assign weights_read = advance &&", "assign weights_read ="),
    Fault(_A, "one", "= !multiplied_handover || job_ready;", "= 1'b1;"),
    Fault(_A, "one", "assign job_valid    = multiplied_handover;", "assign job_valid    = multiplied_handover && multiplied_add;"),
    Fault(_A, "one", "addressed_handover  <= enter_handover;", "addressed_handover  <= enter_handover && !enter_add;"),
    Fault(_A, "soft", "weighted_row[lane*WORD_BITS +: WEIGHT_BITS]", "weighted_row[(lane^1)*WORD_BITS +: WEIGHT_BITS]"),
    Fault(_A, "one", "|| multiplied_add || multiplied_handover);", "|| multiplied_add);"),
    Fault(_A, "rings", f"multiplied_handover ? {_ZERO} : total", "total"),
    Fault(_A, "rings", "weighted_handover ? due : due + delay", "due"),
    Fault(_A, "rings", "layer_first_ring + wide_group[RING_BITS-1:0]", "layer_first_ring"),
    Fault(_A, "rings", "token_add && token_handover && !added);", "1'b0);"),
    Fault(_A, "rings", "(weighted_add || weighted_handover),", "(weighted_add),"),
    Fault(_A, "rings", ".advance       (advance)", ".advance       (1'b1)"),
    Fault(_A, "rings", "first_half_is_in <= split", "first_half_is_in <= 1'b0"),
    Fault(_A, "rings", "if (advance && weighted_handover)", "if (advance && weighted_add)"),
    Fault(_N, "turns", "biased_is_first ? unit_initial : state;", "state;"),
    Fault(_N, "turns", "fetched_word  <= memory_word;", "fetched_word  <= fetched_word;"),
    Fault(_N, "turns", "biased_flags  <= fetched_flags;", "biased_flags  <= read_flags;"),
    Fault(_N, "turns", "<= result_are_neurons & unit_spike;", "<= unit_spike;"),
    Fault(_N, "turns", "following = ring[(slot+1)*WIDTH", "following = ring[slot*WIDTH", "snn_rotating_buffer"),
    Fault(_N, "turns", "layer_first_slot + (wide_slot[SLOT_BITS-1:0] | turn_slot);", "layer_first_slot + turn_slot;"),
    Fault(_N, "turns", "(lane | UNIT) <= layer_last_lane;", "(lane | UNIT) < layer_last_lane;"),
    Fault(_N, "turns", "assign result_address  = result_turn;", "assign result_address  = turn;"),
    Fault(_N, "turns", "= fetched_flags[STEP_BITS +: TURN_BITS];", "= read_flags[STEP_BITS +: TURN_BITS];"),
    Fault(_N, "one", "{(SUM_BITS-BIAS_BITS){bias[BIAS_BITS-1]}}", "{(SUM_BITS-BIAS_BITS){1'b0}}"),
    Fault(_N, "turns", "entry[CURRENTS*BIAS_BITS +: PARAMETER_BITS]", "entry[0 +: PARAMETER_BITS]"),
    Fault(_N, "currents", "entry[CURRENTS*BIAS_BITS +: PARAMETER_BITS]", "entry[BIAS_BITS +: PARAMETER_BITS]"),
    Fault(_N, "currents", "bias = entry[each*BIAS_BITS +: BIAS_BITS];", "bias = entry[0 +: BIAS_BITS];"),
    Fault(_N, "three", "total  <= fetched_sums[PLACE*SUM_BITS", "total  <= fetched_sums[(PLACE^1)*SUM_BITS"),
    Fault(_N, "currents", "total  <= fetched_sums[PLACE*SUM_BITS", "total  <= fetched_sums[each*SUM_BITS"),
    Fault(_N, "three", "assign unit_current[PLACE*CURRENT_BITS", "assign unit_current[(PLACE < 2 ? 1 - PLACE : 2)*CURRENT_BITS"),
    Fault(_N, "turns", "parameters        <= biased_parameters;", "parameters        <= entry[CURRENTS*BIAS_BITS +: PARAMETER_BITS];"),
    Fault(_N, "one", "counted <= at_last_step ? {STEP_BITS{1'b0}} : counted + 1'b1;", "counted <= counted + 1'b1;"),
    Fault(_N, "one", "(STEP_OUTER != 0 || !layer_takes_frame || step == last_step);", "1'b1;"),
    Fault(_N, "turns", "result_turn == LAST_TURN[TURN_BITS-1:0];", "turn == LAST_TURN[TURN_BITS-1:0];"),
    Fault(_N, "one", "at_last_step)\n            group <=", "at_last_step || 1'b1)\n            group <="),
    Fault(_N, "turns", "update_state     <= unit_next_state;", "update_state     <= unit_next_state >> STATE_BITS;"),
    Fault(_N, "turns", ".total(total), .shift(layer_shift)", ".total(total), .shift(layer_shift ^ 1'b1)"),
    Fault(_N, "one", "|| under_way != {(UNIT_LATENCY+1){1'b0}} || update_turn);", "|| under_way != {(UNIT_LATENCY+1){1'b0}});"),
    Fault(_N, "turns", ".load       (accept)", ".load       (job_valid)"),
    Fault(_N, "idle", "update_step      <= result_step;", "update_step      <= step;"),
    Fault(_N, "slots", "update_group     <= result_group;", "update_group     <= group;"),
    Fault(_N, "register", "if (result_valid) kept <=", "if (biased_turn) kept <="),
    Fault(_N, "steps", "assign result_address  = result_other;", "assign result_address  = memory_slot;"),
    Fault(_N, "steps", ".DEPTH(STATE_WORDS)", ".DEPTH(STATE_WORDS - 1)"),
    Fault(_N, "steps", "assign biased_is_first = layer_step ==", "assign biased_is_first = layer_step !="),
    Fault(_N, "windows", "= layer_first_state + (wide_state", "= layer_first_slot + (wide_state"),
    Fault(_N, "places", "layer_shares_slots ? block : group;", "layer_shares_slots ? group : block;"),
    Fault(_N, "places", "is_padded  = block == layer_last_block;", "is_padded  = block == layer_last_group;"),
    Fault(_R, "first", "&& !(is_first && neuron == {OUTPUT_BITS{1'b0}}));", "&& !is_first);"),
    Fault(_R, "units", "spike[unit] && now == COUNT_THRESHOLD", "now == COUNT_THRESHOLD"),
    Fault(_R, "units", "reached <= reaches != {UNITS{1'b0}}", "reached <= reaches[0]"),
    Fault(_R, "units", "|| (reached && ", "|| (1'b0 && "),
    Fault(_R, "membrane", "{(SCORE_BITS-MEMBRANE_BITS){value[MEMBRANE_BITS-1]}}", "{(SCORE_BITS-MEMBRANE_BITS){1'b0}}"),
    Fault(_R, "membrane", "$signed(score) > $signed(best_score)", "score > best_score"),
    Fault(_R, "membrane", "unit*STATE_BITS + MEMBRANE_LOW +:", "unit*STATE_BITS +:"),
    Fault(_R, "membrane", "(is_first ? {SCORE_BITS{1'b0}} : earlier)", "earlier"),
    Fault(_R, "counts", "choose ? index : ask ? score_neuron : look", "choose ? index : score_neuron"),
    Fault(_R, "membrane", "asked[UNIT_SHIFT-1:0]*SCORE_BITS", "place[UNIT_SHIFT-1:0]*SCORE_BITS"),
    Fault(_R, "counts", "compare && asked == last_output", "compare && index == last_output"),
    Fault(_R, "counts", "(asked == {OUTPUT_BITS{1'b0}} || is_more)", "is_more"),
    Fault(_R, "counts", "best_neuron <= asked;", "best_neuron <= index;"),
    Fault(_R, "counts", "best_score  <= score;", "best_score  <= best_score;"),
    Fault(_R, "counts", ": score > best_score;", ": score >= best_score;"),
    Fault(_R, "counts", "compare <= choose && !chosen", "compare <= choose"),
    Fault(_R, "membrane", ".write_address (neuron[", ".write_address (look["),
    Fault(_R, "counts", "index == last_output ? index : index", "index"),
    Fault(_R, "counts", "{{(SCORE_BITS-1){1'b0}}, spike[unit]};", "{{(SCORE_BITS-1){1'b0}}, 1'b1};"),
    Fault(_S, "turns", "= {gather_spike, gathered};", "= {~gather_spike, gathered};"),
    Fault(_S, "turns", "joined[LANES+UNITS-1:UNITS]", "joined[LANES-1:0]"),
    Fault(_S, "turns", "if (gather) gathered <= word;", "if (gather) gathered <= gather_ends_word ? {LANES{1'b0}} : word << 1;"),
    Fault(_S, "turns", "if (gather) gathered", "gathered"),
    Fault(_S, "turns", ".DEPTH(DEPTH)", ".DEPTH(DEPTH - 1)"),
    Fault(_S, "turns", "(gather && gather_ends_word)", "(gather)"),
    Fault(_S, "turns", ".write_address (gather_address),", ".write_address (gather_address >> 1),"),
    Fault(_S, "turns", ".read_address  (read_address),", ".read_address  (gather_address),"),
    Fault("snn_ring", "ring", "last_valid && last_address == address ?", "1'b0 ?"),
    Fault("snn_ring", "ring", "clear ? {WIDTH{1'b0}} : write_word", "write_word"),
    Fault("snn_ring", "ring", "(advance && read)", "(read)"),
    Fault("snn_ring", "ring", "last_address <= address;", "last_address <= read_address;"),
    Fault("snn_ring", "ring", "if (reset || clear) last_valid", "if (reset) last_valid"),
    Fault("snn_ring", "ring", "wire                    store = advance && write;", "wire                    store = write;"),
    Fault("snn_product", "logic", "{VALUE_BITS{weight[WEIGHT_BITS-1]}}", "{VALUE_BITS{1'b0}}"),
    Fault("snn_product", "block", "factor = {1'b0, value}", "factor = {value[VALUE_BITS-1], value}"),
    Fault("snn_product", "logic", "place < VALUE_BITS;", "place < VALUE_BITS - 1;"),
    Fault("snn_product", "streams", "was_down ? -counted : counted", "counted"),
    Fault("snn_product", "streams", "low < ones", "low <= ones"),
    Fault("snn_product", "streams", "(down && low == ", "(!down && low == "),
    Fault("snn_product", "streams", "own & value", "own ^ value"),
    Fault("snn_product", "streams", "its_own     = weight;", "its_own     = -weight;"),
    Fault("snn_product", "narrow", "weight} << WEIGHT_SHIFT) ^", "weight} << (WEIGHT_SHIFT - 1)) ^"),
    Fault("snn_streams", "fine", "low < scaled[LOW_BITS-1:0]", "low <= scaled[LOW_BITS-1:0]"),
    Fault("snn_streams", "fine", "| {WIDTH{is_one}}", ""),
    Fault("snn_streams", "coarse", "value} << FINER", "value} << (FINER - 1)"),
    Fault(_A, "streams", "part <= is_part ? part + 1'b1", "part <= is_part ? part + 2'd2"),
    Fault(_A, "streams", "addressed_whole <= !layer_has_values", "addressed_whole <= 1'b1"),
    Fault(_A, "streams", "part != {PART_BITS{1'b1}}", "part < {PART_BITS{1'b1}} - 1'b1"),
    Fault(_A, "streams", "coming_add ? coming_factor : {FACTOR_BITS{1'b0}}", "coming_factor"),
    Fault(_A, "streams", ".part       (addressed_part)", ".part       (part)"),
    Fault(_B, "signed", "if (waiting == {1'b0, take})", "if (waiting == 2'd0)"),
    Fault(_B, "signed", "!is_bad[0] && (!m_axis_tvalid || m_axis_tready)", "!is_bad[0] && m_axis_tready"),
    Fault(_B, "signed", "(is_bad[0] || (load && at_last_score));", "(load && at_last_score);"),
    Fault(_B, "early", "ENDS_EARLY != 0 && out_valid && waiting == 2'd0;", "1'b0;"),
    Fault(_B, "early", "ends && !filling && !s_axis_tlast;", "ends && !filling && !s_axis_tlast && !out_valid;"),
    Fault(_E, "spikes", "write         (state == CLEAR || adds || sent)", "write         (state == CLEAR || adds)"),
    Fault(_E, "spikes", "CLEAR:   state <= at_last ? GATHER : CLEAR;", "CLEAR:   state <= GATHER;"),
    Fault(_E, "spikes", "            state   <= CLEAR;", "            state   <= GATHER;"),
    Fault(_E, "spikes", "{1'b0, event_input} < ALL_INPUTS;", "1'b1;"),
    Fault(_E, "spikes", "state == ADD && is_full == {BEAT{1'b0}};", "state == ADD;"),
    Fault(_E, "spikes", "state == SEND ? beat + 1'b1 : beat)", "beat)"),
    Fault(_E, "spikes", "|| (state == ADD && !adds);", ";"),
    Fault(_E, "beats", "event_beat = wide_input[SLOT_BITS +: BEAT_BITS];", "event_beat = wide_input[0 +: BEAT_BITS];"),
    Fault(_E, "beats", "is_it = number % BEAT == slot;", "is_it = number % BEAT == 0;"),
    Fault(_E, "beats", "is_it ? value + 1'b1 : value;", "value + 1'b1;"),
    Fault(_E, "beats", "read          (begins || state == FETCH", "read          (takes || state == FETCH"),
    Fault(_E, "beats", "(sent && !at_last)", "(state == SEND && !at_last)"),
    Fault(_E, "beats", "default: state <= sent && at_last ? GATHER : SEND;", "default: state <= sent ? GATHER : SEND;"),
    Fault(_E, "beats", "if (state == ADD)           beat <= {BEAT_BITS{1'b0}};", ""),
)  # fmt: skip

MEMORY_SIZES: dict[str, dict[str, int]] = {
    "snn_ram": {"WIDTH": 24, "ADDRESS_BITS": 11},
    "snn_rom": {"WIDTH": 64, "DEPTH": 12800, "ADDRESS_BITS": 14},
    "snn_column": {"WIDTH": 16, "DEPTH": 12600, "ADDRESS_BITS": 14},
}
MEMORY_FAULTS = (
    ("snn_ram", "if (write) words", "if (write && !read) words"),
    ("snn_ram", "words[read_address];", "words[read_address ^ (1 << (ADDRESS_BITS-1))];"),
    ("snn_ram", "if (read) read_data", "read_data"),
    ("snn_ram", "words[write_address] <= write_data;", "words[write_address] <= write_data ^ (write_address == 7);"),
    ("snn_ram", "if (write) words", "if (write && write_address[0]) words"),
    ("snn_column", "else if (read) read_data", "else read_data"),
    ("snn_column", "words[address] <= write_data;", "words[address] <= {write_data[0], write_data[WIDTH-1:1]};"),
    ("snn_rom", "if (read) read_data", "read_data"),
    ("snn_rom", "words[read_address];", "words[read_address >> 1];"),
)  # fmt: skip
