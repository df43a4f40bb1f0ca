"""The order of days that are three numbers: every country's, mixed, and never in the future."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.values import day_order
from schemas.errors import BadValue

_TODAY = date(2025, 6, 30)
#: CLDR's short and medium dates of many countries, and what programs for tables make of them.
SPELLINGS = {
    "dmy": ("{d:02}.{m:02}.{yy:02}", "{d}.{m:02}.{yy:02}", "{d:02}/{m:02}/{y}",
            "{d:02}-{m:02}-{y}"),
    "mdy": ("{m}/{d}/{yy:02}", "{m:02}/{d:02}/{y}", "{m:02}-{d:02}-{y}"),
    "ymd": ("{y}-{m:02}-{d:02}", "{y}/{m}/{d}", "{yy:02}. {m}. {d}.", "{y}. {m:02}. {d:02}.",
            "{yy:02}-{m:02}-{d:02}"),
}  # fmt: skip
ONE = [(order, form) for order, forms in SPELLINGS.items() for form in forms]


def _orders_of(cells: list[str], latest: date | None = None) -> dict[str, tuple[str, bool]]:
    column = day_order.Column(latest)
    for cell in cells:
        column.add(cell)
    return column.orders()


def write(form: str, day: date) -> str:
    return form.format(d=day.day, m=day.month, y=day.year, yy=day.year % 100)


#: A list of what somebody did, the last first: gaps of days, and a day that is no month's number.
histories = st.builds(
    lambda first, gaps: [
        first - timedelta(days=sum(gaps[:n])) for n in range(len(gaps) + 1)
    ],
    st.dates(date(2013, 1, 13), date(2025, 5, 20)).filter(lambda day: day.day > 12),
    st.lists(st.integers(0, 9), min_size=12, max_size=60),
)  # fmt: skip


@pytest.mark.parametrize(("order", "form"), ONE)
@given(days=histories)
def test_a_history_is_read_as_it_was_written(order: str, form: str, days: list[date]) -> None:
    cells = [write(form, day) for day in days]
    orders = _orders_of(cells, _TODAY)
    # Of a short list two orders may be as good as each other; then it says so.
    for cell, day in zip(cells, days, strict=True):
        moment = day_order.read(cell, orders)
        assert moment.text == cell
        assert moment.at is not None
        if moment.flag != "day_month_ambiguous":
            assert moment.at.date() == day


@pytest.mark.parametrize("order", SPELLINGS)
@given(days=histories, data=st.data())
def test_two_spellings_in_one_file(order: str, days: list[date], data: st.DataObject) -> None:
    forms = data.draw(st.lists(st.sampled_from(SPELLINGS[order]), min_size=2, max_size=2))
    cells = [write(forms[n % 2], day) for n, day in enumerate(days)]
    orders = _orders_of(cells, _TODAY)
    for cell, day in zip(cells, days, strict=True):
        moment = day_order.read(cell, orders)
        assert moment.at is not None
        assert moment.flag == "day_month_ambiguous" or moment.at.date() == day


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["24.01.23", "3.02.23", "13.12.22"], ["2023-01-24", "2023-02-03", "2022-12-13"]),
        (["4/21/25", "04/12/2025", "3/5/25"], ["2025-04-21", "2025-04-12", "2025-03-05"]),
        (["05/06/25", "12/04/25"], ["2025-06-05", "2025-04-12"]),  # no day in the future
        (["01/03/2024", "12/02/2024", "11/02/2024"], ["2024-03-01", "2024-02-12", "2024-02-11"]),
        (["11/02/2024", "12/02/2024", "01/03/2024"], ["2024-02-11", "2024-02-12", "2024-03-01"]),
        (["4/21/25", "30.03.2025", "3/5/25"], ["2025-04-21", "2025-03-30", "2025-03-05"]),
        (["23. 1. 24.", "23. 1. 9."], ["2023-01-24", "2023-01-09"]),
        (["2023年1月24日"], ["2023-01-24"]),
        (["24. Januar 2023", "3 déc. 2022"], ["2023-01-24", "2022-12-03"]),
        (["\u200e24/1/2023", "\uff12\uff14/\uff11/2023"], ["2023-01-24", "2023-01-24"]),
    ],
)  # fmt: skip
def test_what_a_file_shows(cells: list[str], days: list[str]) -> None:
    orders = _orders_of(cells, _TODAY)
    read = [day_order.read(cell, orders) for cell in cells]
    assert [moment.at and moment.at.date().isoformat() for moment in read] == days
    assert "day_month_ambiguous" not in {moment.flag for moment in read}


def test_what_a_file_does_not_show_is_flagged() -> None:
    cells = ["05/04/2023", "04/04/2023", "04/04/2023"]
    orders = _orders_of(cells, _TODAY)
    flags = [day_order.read(cell, orders).flag for cell in cells]
    assert flags == ["day_month_ambiguous", *2 * ["zone_assumed"]]


@pytest.mark.parametrize(
    "cell", ["", "31.02.23", "13/13/23", "1/2/3", "123/1/23", "soon", "1." * 90]
)
def test_what_is_no_day_is_refused(cell: str) -> None:
    with pytest.raises(BadValue):
        day_order.read(cell, _orders_of([cell], _TODAY))
