package mocks

import (
	"fmt"
	"time"

	"wf/builtins"
)

// travel is the services of workflows/services/travel.wf. Every flight has three seats
// and every city two rooms; there are no flights to XXX and no hotels in Atlantis, and a
// card whose number ends in 0002 is declined.
var travel = domain{
	profiles: map[string]profile{
		"flights":        {"flight-broker", "7.1.0", 150, 600},
		"hotels":         {"hotel-broker", "3.0.2", 100, 400},
		"acquirer":       {"card-acquirer", "2025-11", 300, 1200},
		"traveller_mail": {"traveller-mailer", "1.2.0", 30, 120},
		"back_office":    {"back-office", "1.0.0", 10, 40},
	},
	operations: map[string]operation{
		"flights.reserve":           reserveFlight,
		"flights.release":           releaseOf("flights"),
		"hotels.reserve":            reserveRoom,
		"hotels.release":            releaseOf("rooms"),
		"acquirer.charge":           chargeTrip,
		"acquirer.void":             voidCharge,
		"traveller_mail.itinerary":  mailTraveller,
		"traveller_mail.not_booked": mailTraveller,
		"back_office.open_case":     openCase,
	},
}

// standing counts the rows of a table that match and were not released.
func (w *World) standing(table, field string, v any) int {
	n := 0
	for _, row := range w.Table(table).Rows {
		if row[field] == v && row["released"] != true {
			n++
		}
	}
	return n
}

// spread turns a text into a number from 0 to n-1, always the same one.
func spread(text string, n int) int {
	sum := 0
	for _, r := range text {
		sum = (sum*31 + int(r)) % 1_000_003
	}
	return sum % n
}

func reserveFlight(w *World, c builtins.Call) reply {
	route := fmt.Sprintf("%v-%v %v", c.Args["origin"], c.Args["destination"], c.Args["departs"])
	if c.Args["destination"] == "XXX" || w.standing("flights", "route", route) >= 3 {
		return reply{class: "SOLD_OUT", body: map[string]any{"error": "no seats on " + route}}
	}
	row := w.insert("flights", c, map[string]any{"key": c.Key, "route": route})
	return reply{status: 201, body: map[string]any{"reservation_id": fmt.Sprintf("FL%d", row["id"]), "price_cents": 18000 + spread(route, 200)*100}}
}

func reserveRoom(w *World, c builtins.Call) reply {
	city := c.Args["city"].(string)
	if city == "Atlantis" || w.standing("rooms", "city", city) >= 2 {
		return reply{status: 409, body: map[string]any{"error": "no room in " + city}}
	}
	row := w.insert("rooms", c, map[string]any{"key": c.Key, "city": city})
	price := c.Args["nights"].(int) * (8000 + spread(city, 70)*100)
	return reply{status: 201, body: map[string]any{"reservation_id": fmt.Sprintf("HT%d", row["id"]), "price_cents": price, "address": "12 Station Road, " + city}}
}

// releaseOf takes back what was reserved in a table with an idempotency key.
func releaseOf(table string) operation {
	return func(w *World, c builtins.Call) reply {
		row := w.Table(table).Find("key", c.Args["key"])
		if row != nil {
			row["released"] = true
		}
		return reply{status: 200, body: map[string]any{"released": row != nil}}
	}
}

func chargeTrip(w *World, c builtins.Call) reply {
	if card := c.Args["card"].(string); len(card) >= 4 && card[len(card)-4:] == "0002" {
		return reply{status: 402, body: map[string]any{"error": "the bank declined the card", "decline_code": "insufficient_funds"}}
	}
	row := w.insert("charges", c, map[string]any{"key": c.Key, "amount_cents": c.Args["amount_cents"]})
	return reply{status: 201, body: map[string]any{"charge_id": fmt.Sprintf("CH%d", row["id"]), "amount_cents": row["amount_cents"]}}
}

func voidCharge(w *World, c builtins.Call) reply {
	row := w.Table("charges").Find("key", c.Args["key"])
	if row == nil {
		return reply{status: 200, body: map[string]any{"voided": false, "amount_cents": 0}}
	}
	row["voided"] = true
	return reply{status: 200, body: map[string]any{"voided": true, "amount_cents": row["amount_cents"]}}
}

// mailsPerMinute is how many mails a traveller gets in one minute of the clock.
const mailsPerMinute = 3

func mailTraveller(w *World, c builtins.Call) reply {
	slot := fmt.Sprintf("mail %v %s", c.Args["to"], c.At.UTC().Truncate(time.Minute).Format(time.RFC3339))
	if w.sent[slot] >= mailsPerMinute {
		return reply{status: 429, headers: map[string]string{"retry-after": "60"}, body: map[string]any{"error": "slow down", "retry_after": 60}}
	}
	w.count(slot, 1)
	row := w.insert("mails", c, c.Args)
	return reply{status: 202, body: map[string]any{"message_id": fmt.Sprintf("mail_%d", row["id"])}}
}

func openCase(w *World, c builtins.Call) reply {
	row := w.insert("cases", c, c.Args)
	return reply{status: 201, body: map[string]any{"case_id": fmt.Sprintf("case_%d", row["id"])}}
}
