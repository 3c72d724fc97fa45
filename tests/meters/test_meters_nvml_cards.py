from __future__ import annotations

import os

import pytest

from harness.meters.cards import cuda_uuids, visible_uuids
from tests.support.simulated_nvml import UUIDS, Simulation, build

A, B, C, D = UUIDS
CARDS = f"card {C} 9; card {A} 1; card {B} 3;"  # NVML's order is not that of the bus


@pytest.fixture(scope="module")
def nvml(tmp_path_factory):
    simulation = Simulation(build(tmp_path_factory.mktemp("nvml")))
    yield simulation
    assert simulation.close() == ""


def test_cards_are_described_in_the_order_of_the_bus(nvml):
    facts = f"set 1 0 ecc 1; set 1 0 mig 0; set 1 0 clock_mhz 1755; pid 1 {os.getpid()}; pid 1 4194000; pid 2 4194001"
    found = nvml.ask(CARDS + facts, "cards")
    assert [gpu["uuid"] for gpu in found["gpus"]] == [A, B, C]
    assert found["gpus"][0] == {
        "uuid": A,
        "name": "Simulated 1",
        "memory_bytes": 80 * 2**30,
        "power_limit_w": 700.0,
        "sm_clock_mhz": 1755,
        "default_sm_clock_mhz": 1600,
        "ecc": True,
        "mig": False,
        "compute_capability": "9.0",
        "foreign_pids": sorted([os.getpid(), 4194000]),  # the test is another process than the one that asks
        "used_bytes": 0,
    }
    assert [gpu["foreign_pids"] for gpu in found["gpus"][1:]] == [[4194001], []]
    assert (found["driver"], found["reason"], found["n_open"]) == ("580.00.simulated", None, 0)


def test_what_a_card_does_not_tell_is_none(nvml):
    refused = ("limit_rc", "memory_rc", "clock_rc", "default_rc", "max_rc", "capability_rc", "pids_rc", "pci_rc")
    gpu = nvml.ask(f"card {A} 1;" + ";".join(f"set 0 0 {key} 3" for key in refused), "cards")["gpus"][0]
    told = {key for key, value in gpu.items() if value not in (None, [])}
    assert told == {"uuid", "name"}


def test_own_processes_are_not_foreign(nvml):
    assert nvml.ask(f"card {A} 1", "own_pid_is_foreign") is False


@pytest.mark.parametrize(
    ("facts", "reason", "driver"),
    [
        ("init 9", "no_nvml", None),
        ("init 4", "permission_denied", None),
        ("init 0", "not_supported: NVML finds no card", "580.00.simulated"),
        (f"card {A} 1; set 0 0 rc 15", "not_supported: NVML cannot list the cards (GPU is lost)", "580.00.simulated"),
    ],
)
def test_why_no_card_is_described(nvml, facts, reason, driver):
    found = nvml.ask(facts, "cards")
    assert (found["gpus"], found["reason"], found["driver"], found["n_open"]) == ([], reason, driver, 0)


def test_a_card_that_this_container_was_not_given_is_left_out(nvml):
    assert [gpu["uuid"] for gpu in nvml.ask(CARDS + "set 0 0 handle_rc 4", "cards")["gpus"]] == [A, B]


@pytest.mark.parametrize(
    ("value", "uuids"),
    [
        (None, (A, B, C)),
        ("", ()),
        ("0", (A,)),
        ("2,0", (C, A)),
        (" 1 , 2 ", (B, C)),
        ("0,3,1", (A,)),  # there is no fourth card
        ("1,-1,0", (B,)),
        ("0,x,1", (A,)),
        ("1,1", (B,)),
        (f"{C},{A}", (C, A)),
        ("GPU-00000002", (C,)),
        (f"GPU-0,{A}", ()),  # of several cards
        (f"{A},{D},{B}", (A,)),
        (f"{C},1", (C, B)),
        ("MIG-0d0a1b2c-1111-2222-3333-444444444444,0", ("MIG-0d0a1b2c-1111-2222-3333-444444444444", A)),
    ],
)
def test_the_variable_is_read_as_cuda_does(value, uuids):
    environ = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"} | ({} if value is None else {"CUDA_VISIBLE_DEVICES": value})
    assert visible_uuids(environ, (A, B, C)) == uuids


@pytest.mark.parametrize(("value", "uuids"), [(None, (B, A)), ("1", (B, A)), (C, (C,)), ("", ())])
def test_numbers_in_cuda_s_own_order_are_left_to_its_driver(value, uuids):
    environ = {} if value is None else {"CUDA_VISIBLE_DEVICES": value}
    assert visible_uuids(environ, (A, B, C), lambda: (B, A)) == uuids


@pytest.mark.parametrize(("value", "uuids"), [(None, (A,)), ("0", (A,)), ("1", ()), ("-1", ())])
def test_a_single_card_has_one_order(value, uuids):
    environ = {} if value is None else {"CUDA_VISIBLE_DEVICES": value}
    assert visible_uuids(environ, (A,), lambda: pytest.fail("nobody has to be asked")) == uuids


def test_cuda_s_driver_is_asked_for_its_order(nvml):
    assert nvml.ask(CARDS + "cuda 2; cuda 0; cuda 1", "visible") == [B, C, A]
    assert nvml.ask(CARDS, "visible") == []  # it does not start


def test_a_device_that_is_no_card_of_nvml_is_an_instance(nvml):
    facts = CARDS + f"card {D.replace('GPU-', 'MIG-')} 99; cuda 3; cuda 0"
    assert nvml.ask(facts, "visible") == [D.replace("GPU-", "MIG-"), C]


def test_without_cuda_no_order_is_known(tmp_path):
    assert cuda_uuids(str(tmp_path / "libcuda.so.1")) == ()
